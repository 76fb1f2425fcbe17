"""The customer's window. It has no rule of its own: it shows what the engine and the domain say.

    start.py     the program: its start, its signals, its end                 instance.py one for each user
    app.py       what there is one of, put together                           window.py   one page at a time, and home
    tray.py      the icon, and a word once a day                              offers.py   what home offers
    flow.py      which page comes after which                                 style.py    how everything looks
    work.py      one operation at a time, in a thread of its own              parts.py    what pages are made of
    bench.py     a job before a look                                          pictures.py of token families
    seeing.py    what is plugged in, looked at again when that changes        keypad.py   a keyboard on the screen
    errands.py   what a customer comes for, as the counter runs it            fields.py   fields of PINs that share one
    person.py    the customer, as the counter asks: questions and answers     pages/      one file a page
    actions.py   what may be chosen                                           journeys/   what each choice leads to
    troubles.py  what is done about an error

A token is touched by the threads of work.py and seeing.py alone, and Qt's widgets by nobody but Qt's own.
"""
