"""Windows' registry, as far as an installation needs it: values that are texts. Elsewhere there is none, and nothing
asks. Checked by types alone: it was not tried."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import winreg

    _ROOTS = {"HKCU": winreg.HKEY_CURRENT_USER, "HKLM": winreg.HKEY_LOCAL_MACHINE}

    class WindowsRegistry:
        def read(self, root: str, key: str, name: str) -> str | None:
            try:
                with winreg.OpenKey(_ROOTS[root], key) as opened:
                    value, _ = winreg.QueryValueEx(opened, name)
            except FileNotFoundError:
                return None
            return str(value)

        def write(self, root: str, key: str, name: str, value: str | None) -> None:
            with winreg.CreateKey(_ROOTS[root], key) as opened:
                if value is None:
                    winreg.DeleteValue(opened, name)
                else:
                    winreg.SetValueEx(opened, name, 0, winreg.REG_SZ, value)

        def has(self, root: str, key: str) -> bool:
            try:
                winreg.OpenKey(_ROOTS[root], key).Close()
            except FileNotFoundError:
                return False
            return True

        def drop(self, root: str, key: str) -> None:
            """If nothing is in it."""
            if not self.has(root, key):
                return
            with winreg.OpenKey(_ROOTS[root], key) as opened:
                below, values, _ = winreg.QueryInfoKey(opened)
            if not below and not values:
                winreg.DeleteKey(_ROOTS[root], key)
