"""What a board carries, for whoever freezes it into an own build of MicroPython (`make FROZEN_MANIFEST=...`).

Without an own build the same modules run in place from the board's ROM partition: `python firmware/build.py --target
xtensawin`, then `mpremote romfs deploy build/firmware.romfs`.
"""

package("sealwire", base_path="../protocol")  # noqa: F821 - the names of a manifest are MicroPython's
package("sealbox")  # noqa: F821
module("main.py")  # noqa: F821
require("ssd1306")  # noqa: F821 - micropython-lib's, of the release that the build is
