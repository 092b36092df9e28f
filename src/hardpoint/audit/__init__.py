"""Static checks of integration code, one's own or anybody's: `hardpoint audit`.

A file is parsed once and walked once (`program`). Rules ask what was found there, with imports
and instances resolved (`names`) and values followed within a function (`flow`). What vendors'
packages do is data, in `knowledge.toml`. Nothing here runs the code that is looked at.
"""
