"""The same shop behind Flask: threads receive, `hardpoint work shop:hub` handles."""

from flask import Flask
from shop import hub
from werkzeug.middleware.dispatcher import DispatcherMiddleware

app = Flask(__name__)
app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/hooks": hub.wsgi()})
