"""What is on the USB bus, before any library is asked: the only room that knows pyusb, libusb and udev.

`look` (detect.py) is one look at the bus; `Watch` (watch.py) tells of every plugging and pulling from then on.
"""
