"""The CA's front: routes and words. What it may do is decided in ra/, what it says in CMP is shaped in cmp/."""
