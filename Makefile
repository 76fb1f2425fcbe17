# Each target says what it is for behind two #; `make help` prints that.
PYTHON ?= python3
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
BIN := .venv/bin

# For running: SoftHSM, a compiler for what makes a stick of it, a browser with its certificates' tool, and a venv. For the tests and
# benchmarks: independent readers of what we write.
APT_RUN := chromium fonts-noto-cjk gcc libc6-dev libnss3-tools python3-venv softhsm2
APT_TEST := curl dbus desktop-file-utils exim4-daemon-light firefox-esr gnome-keyring gnutls-bin iproute2 libbcpkix-java libengine-pkcs11-openssl libglib2.0-bin libnss3 libp11-kit-dev \
  libtpm2-pkcs11-1 libtss2-tcti-swtpm0 libtss2-tcti-tabrmd0 libumockdev0 opencryptoki openjdk-17-jdk-headless \
  opensc openssh-client openssl p11-kit p11-kit-modules pcscd postgresql-15 swtpm tpm2-abrmd udev umockdev usbutils \
  libdbus-1-3 libegl1 libfontconfig1 libgl1 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxkbcommon-x11-0 openbox trayer xvfb \
  strongswan-pki systemd vsmartcard-vpcd xdg-utils ykcs11 libstrongswan-extra-plugins libstrongswan-standard-plugins
APT_BENCH := hyperfine yubikey-manager

.DEFAULT_GOAL := help
.PHONY: help setup run test crash check bench dist lock clean apt-run apt-test apt-bench

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: apt-run $(BIN)/tokenmgr ## everything that tokenmgr needs, in .venv; leaves .venv/bin/tokenmgr

run: setup ## the renewal that cannot be broken, then two banks' pages, left open (ONCE=1: walked through, and ends by itself)
	$(BIN)/tokenmgr testbed renewal
	$(BIN)/tokenmgr testbed bank $(if $(ONCE),,--stay)

test: setup apt-test ## the whole suite
	$(BIN)/python -m pytest -n 3 $(ARGS)  # more than cores: many tests wait for somebody

crash: setup apt-test ## the proof: a fault at a point of a renewal or an acquisition, 14,000 times, and what is true after it (hours)
	$(BIN)/python -m tests.crash $(ARGS)

check: setup ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy  # each with a cache of its own: what one platform has left there another one throws away
	$(BIN)/mypy --platform win32 --no-warn-unreachable --cache-dir .mypy_cache/win32 tokenmgr
	$(BIN)/mypy --platform darwin --no-warn-unreachable --cache-dir .mypy_cache/darwin tokenmgr

bench: setup apt-test apt-bench ## what it costs, as ratios to a peer in the same run
	$(BIN)/python -m benchmarks $(ARGS)

dist: setup ## the customer's program in one folder, dist/tokenmgr, for a computer without Python
	$(BIN)/pyinstaller --noconfirm --log-level WARN --distpath dist --workpath build deploy/tokenmgr.spec
	env -i HOME=$$(mktemp -d) LC_ALL=C.UTF-8 dist/tokenmgr/tokenmgr media --library /usr/lib/softhsm/libsofthsm2.so || [ $$? = 3 ]  # no medium, said by the library in a process of its own

lock: setup ## pin every dependency with its hashes again, after a change of pyproject.toml
	$(BIN)/pip-compile --quiet --all-extras --allow-unsafe --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --no-header --strip-extras --output-file deploy/requirements.txt pyproject.toml

clean: ## everything that the other targets made
	rm -rf .venv dist build .hypothesis .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

apt-run apt-test apt-bench: apt-%:
	@missing=$$(for p in $(APT_$(shell echo $* | tr a-z A-Z)); do \
	  dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  echo "system packages needed:" $$missing; \
	  $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends $$missing; \
	fi

$(BIN)/tokenmgr: pyproject.toml deploy/requirements.txt
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
