"""The customer's window. It has no rule of its own: it shows what the engine and the domain say.

    app.py       the program: one for each user, its tray, its end            window.py   one page at a time, and home
    flow.py      which page comes after which                                 style.py    how everything looks
    work.py      one operation at a time, in a thread of its own              parts.py    what pages are made of
    seeing.py    what is plugged in, looked at again when that changes        keypad.py   a keyboard on the screen
    errands.py   what a customer comes for, as the counter runs it            pages/      one file a page
    person.py    the customer, as the counter asks: questions and answers
    actions.py   what may be chosen                                         journeys/   what each choice leads to
    troubles.py  what is done about an error

A token is touched by the threads of work.py and seeing.py alone, and Qt's widgets by nobody but Qt's own.
"""
