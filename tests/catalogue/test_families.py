"""The families that come with tokenmgr: each can be recognised, each has a library, and the user's own file wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenmgr import catalogue
from tokenmgr.catalogue import udev
from tokenmgr.domain.device import UsbDevice
from tokenmgr.domain.family import Family, fits
from tokenmgr.errors import DriverWrong, FamilyUnknown

FAMILIES = catalogue.shipped().families


def test_no_file_that_comes_with_tokenmgr_has_a_mistake() -> None:
    assert [mistake for driver in catalogue.read().values() for mistake in driver.mistakes] == []
    assert len(FAMILIES) >= 17


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_family_says_all_that_a_person_needs(family: Family) -> None:
    assert family.title
    anywhere = family.libraries.linux or family.libraries.windows or family.libraries.macos
    assert bool(anywhere) != (family.name == "simulated")  # of which every medium has its own
    assert family.picture


@pytest.mark.parametrize("family", [f for f in FAMILIES.values() if f.usb.ids], ids=lambda family: family.name)
def test_a_device_is_known_by_its_id(family: Family) -> None:
    for usb_id in family.usb.ids:
        vendor, product = (int(part, 16) for part in usb_id.split(":"))
        assert catalogue.shipped().of_device(UsbDevice(vendor, product, 1, 2, "1-1")) == family


def test_a_device_that_nobody_claims_has_no_family() -> None:
    assert catalogue.shipped().of_device(UsbDevice(0x1D6B, 0x0002, 1, 1, "usb1")) is None


def test_a_library_is_known_by_its_file_name_wherever_it_stands() -> None:
    assert [f.name for f in catalogue.shipped().of_library("/opt/somewhere/libsofthsm2.so")] == ["softhsm"]
    assert catalogue.shipped().of_library("/opt/somewhere/libnothing.so") == ()


def test_of_a_general_library_the_general_family_is_the_last() -> None:
    names = [family.name for family in catalogue.shipped().of_library("/usr/lib/opensc-pkcs11.so")]
    assert {"smartcard-hsm", "piv", "opensc"} <= set(names)
    assert names[-1] == "opensc"


def test_what_a_family_does_not_say_is_as_its_base_has_it() -> None:
    base, built = FAMILIES["opensc"], FAMILIES["smartcard-hsm"]
    assert (built.libraries, built.keys, built.labels) == (base.libraries, base.keys, base.labels)
    assert built.pin != base.pin
    assert built.token.ignored_labels == base.token.ignored_labels  # a habit
    assert built.token.manufacturers != base.token.manufacturers  # how it is recognised is its own
    assert not built.general


@pytest.mark.parametrize(
    ("manufacturer", "model", "label", "name"),
    [
        ("www.CardContact.de", "PKCS#15 emulated", "SmartCard-HSM (UserPIN)", "smartcard-hsm"),
        ("piv_II", "PKCS#15 emulated", "PIV_II", "piv"),
        ("Yubico (www.yubico.com)", "YubiKey YK5", "YubiKey PIV #1", "yubikey"),
        ("SoftHSM project", "SoftHSM v2", "Shinkin IB", None),
    ],
)
def test_a_token_is_known_by_what_its_library_tells(
    manufacturer: str, model: str, label: str, name: str | None
) -> None:
    claiming = [family.name for family in FAMILIES.values() if family.has_token(manufacturer, model, label)]
    assert claiming == ([name] if name else [])


def test_patterns_have_stars_and_question_marks_and_nothing_else() -> None:
    assert fits(["SafeNet eToken 5100 [eToken 5110 SC]*"], "SafeNet eToken 5100 [eToken 5110 SC] 00 00")
    assert fits(["yubico*"], "Yubico YubiKey CCID 00 00")
    assert fits(["a?c"], "abc")
    assert not fits(["abc"], "abcd")
    assert not fits([], "abc")


# --- the user's own folder ---


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def test_a_file_of_the_users_takes_the_place_of_ours(tmp_path: Path) -> None:
    write(tmp_path, "softhsm", 'title = "Ours"\n[libraries]\nlinux = ["/opt/libsofthsm2.so"]\nsource = "mine"\n')
    found = catalogue.load(tmp_path)
    assert found.family("softhsm").title == "Ours"
    assert not found.family("softhsm").token.spare_slot
    assert found.files["softhsm"].parent == tmp_path


def test_a_file_of_the_users_may_say_only_what_is_otherwise_with_ours(tmp_path: Path) -> None:
    write(
        tmp_path,
        "smartcard-hsm",
        'title = "Ours"\nbase = "smartcard-hsm"\n[pin]\ncharacters = "digits"\nsource = "mine"\n',
    )
    changed, shipped = catalogue.load(tmp_path).family("smartcard-hsm"), FAMILIES["smartcard-hsm"]
    assert (changed.title, changed.pin.characters) == ("Ours", "digits")
    assert (changed.usb, changed.token, changed.libraries) == (shipped.usb, shipped.token, shipped.libraries)
    assert changed.pin.officer_lengths == shipped.pin.officer_lengths == (16,)


def test_an_id_that_the_user_claims_is_the_users(tmp_path: Path) -> None:
    write(tmp_path, "zz-bank", 'title = "The bank\'s"\n[usb]\nids = ["096e:0807"]\nsource = "mine"\n')
    found = catalogue.load(tmp_path)
    device = found.of_device(UsbDevice(0x096E, 0x0807, 1, 2, "1-1"))
    assert device is not None
    assert device.name == "zz-bank"


def test_a_file_of_the_users_that_is_wrong_is_named_and_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "bank", 'title = "x"\n[usb]\nids = ["096e-0807"]\nsource = "s"\n')
    with pytest.raises(DriverWrong) as raised:
        catalogue.load(tmp_path)
    assert (Path(raised.value.file).name, raised.value.line, raised.value.reason) == ("bank.toml", 3, "not-a-usb-id")


def test_a_family_that_is_not_there_is_no_family() -> None:
    with pytest.raises(FamilyUnknown):
        catalogue.shipped().family("nothing")


def test_a_version_in_a_folders_name_may_be_a_star(tmp_path: Path) -> None:
    for version in ("2.9", "3.1"):
        (tmp_path / f"vendor-{version}").mkdir()
        (tmp_path / f"vendor-{version}" / "lib.so").touch()
    path = str(tmp_path / "vendor-*" / "lib.so")
    write(tmp_path / "own", "x", f"title = 'x'\n[libraries]\nlinux = ['{path}']\nsource = 's'\n")
    family = catalogue.load(tmp_path / "own").family("x")
    assert catalogue.library(family) == str(tmp_path / "vendor-3.1" / "lib.so")


# --- udev ---


def test_the_rules_have_a_line_for_every_id() -> None:
    text = udev.rules(FAMILIES.values())
    ids = [usb_id for family in FAMILIES.values() for usb_id in family.usb.ids]
    assert len(ids) == text.count('TAG+="uaccess"')
    for usb_id in ids:
        vendor, product = usb_id.split(":")
        assert f'ATTR{{idVendor}}=="{vendor}", ATTR{{idProduct}}=="{product}"' in text
