"""The pages where a bank's customers log in with their certificates: what a bank's internet banking does about them.

    app.py       routes; who asks is looked at, answered by a page, and every error is one
    visit.py     one request: of which bank, by whose certificate, in which session
    entry.py     the login
    contract.py  for administrators: the IDs of a contract; certificate.py for everybody: its own
    words.py     a bank's own words, in the visitor's language
    pages.py     templates (pages/) filled in; static/ is what a browser loads beside them

A handler takes a Visit and returns a Page, or where to go instead. It raises what goes wrong.
"""
