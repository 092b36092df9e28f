"""How Stripe counts money; https://docs.stripe.com/currencies, read 2026-11-23."""

from hardpoint.core.money import MinorUnits

_TWO_DECIMALS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF
CNY COP CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
INR JMD KES KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD
NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD STD
SZL THB TJS TOP TRY TTD TWD TZS UAH USD UYU UZS WST XCD YER ZAR ZMW
"""
_NO_DECIMALS = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD JOD KWD OMR TND"
_TWO_BUT_WHOLE = "ISK UGX"  # sent as hundredths although only whole units exist

MONEY = MinorUnits(
    exponents={
        **dict.fromkeys(_TWO_DECIMALS.split(), 2),
        **dict.fromkeys(_NO_DECIMALS.split(), 0),
        **dict.fromkeys(_THREE_DECIMALS.split(), 3),
        **dict.fromkeys(_TWO_BUT_WHOLE.split(), 2),
    },
    steps={
        **dict.fromkeys(_THREE_DECIMALS.split(), 10),  # the last digit must be 0
        **dict.fromkeys(_TWO_BUT_WHOLE.split(), 100),
    },
    most=99_999_999,
    exceptions={"IDR": 999_999_999_999},
)
"""Amounts in Stripe's minor units. HUF and TWD have two decimals when charged; MGA has none here,
though ISO 4217 says two."""
