"""The screen that a test drives: the pointer and keys by xdotool, and what the program says of itself to assistive technology.

Nothing knows where a widget is: it is looked for by its role and its accessible name, as a screen reader finds it, and the pointer goes
to where the program says that it is. Needs the bus of with-display.sh --bus.
"""
import re
import subprocess
import time

from gi.repository import Gio, GLib

PATIENCE = 300  # seconds until a step counts as failed, for slow and busy machines
WINDOW = 1  # ATSPI_COORD_TYPE_WINDOW
# What people act on, and what they must be told the name of.
ACTED_ON = {"button", "check box", "combo box", "text box", "spin button", "slider", "switch", "tab", "list", "list item",
            "menu item"}


class Failure(Exception):
    """What was waited for and did not come."""


def run(*arguments, **options):
    return subprocess.run(arguments, check=True, capture_output=True, **options)


def xdo(*arguments):
    return run("xdotool", *map(str, arguments)).stdout.decode().split()


def key(*names):
    for name in names:
        xdo("key", "--clearmodifiers", name)


def click(place, times=1):
    xdo("mousemove", *place, "click", "--repeat", times, "--delay", 40, 1)


def wait(what, check, again=None, every=1):
    """Waits until check() is true and gives its value; again() is done every so many seconds."""
    end = time.monotonic() + PATIENCE
    turn = 0
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        turn += 1
        if again is not None and turn % (10 * every) == 0:
            again()
        time.sleep(0.1)
    raise Failure(f"{what} did not come within {PATIENCE} s")


def windows():
    found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", "."], capture_output=True, check=False)
    return found.stdout.decode().split()


def title(window):
    return run("xdotool", "getwindowname", window).stdout.decode().strip()


class Node:
    """One accessible of the program."""

    def __init__(self, bus, reference, parent):
        self.bus, (self.owner, self.path), self.parent = bus, reference, parent
        # Newer GTK tells buttons that stay pressed from others.
        self.role = self.call("Accessible", "GetRoleName")[0].replace("toggle button", "button")
        self.name = self.get("Accessible", "Name")

    def call(self, interface, method, arguments=None):
        return self.bus.call_sync(self.owner, self.path, "org.a11y.atspi." + interface, method, arguments, None,
                                  Gio.DBusCallFlags.NONE, 10000, None).unpack()

    def get(self, interface, name):
        return self.bus.call_sync(self.owner, self.path, "org.freedesktop.DBus.Properties", "Get",
                                  GLib.Variant("(ss)", ("org.a11y.atspi." + interface, name)), None,
                                  Gio.DBusCallFlags.NONE, 10000, None).unpack()[0]

    def children(self):
        return [Node(self.bus, reference, self) for reference in self.call("Accessible", "GetChildren")[0]]

    def is_window(self):
        """Whether it is a child of a program, which is one of the desktop's."""
        return self.parent.parent.parent is None

    def extents(self):
        """x, y, width and height in its window."""
        return self.call("Component", "GetExtents", GLib.Variant("(u)", (WINDOW,)))[0]

    def description(self):
        return self.get("Accessible", "Description")

    def is_named(self, name):
        # A button with a label says the label twice, once with the mark of its mnemonic.
        return self.name == name or self.name.endswith(" " + name) and self.name.startswith("_") or self.name.replace("_", "") == f"{name} {name}"


class Screen:
    """The accessibles of the one program on the bus."""

    def __init__(self):
        session = Gio.bus_get_sync(Gio.BusType.SESSION)
        address = session.call_sync("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress", None, None,
                                    Gio.DBusCallFlags.NONE, 60000, None).unpack()[0]
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)

    def toplevels(self):
        root = Node(self.bus, ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root"), None)
        return [window for program in root.children() for window in program.children()]

    def walk(self, node=None):
        """Everything that has a size, with what is behind another page of a stack left out."""
        for child in node.children() if node else self.toplevels():
            try:
                width = child.extents()[2]
            except GLib.Error:
                width = 0
            if width > 0:
                yield child
                yield from self.walk(child)

    def look(self, role, name):
        """The deepest accessible of this role and name, or nothing."""
        return self.look_for(role, lambda _, node: node.is_named(name))

    def look_for(self, role, check):
        """The deepest accessible of this role for which check(name, node) is true, or nothing."""
        found = None
        try:
            for node in self.walk():
                if node.role == role and check(node.name, node):
                    found = node
        except GLib.Error:  # it went while it was looked at
            return None
        return found

    def find(self, role, name):
        return wait(f"the {role} “{name}”", lambda: self.look(role, name))

    def area(self, node):
        """Where an accessible is on the screen: left, upper edge, width, height."""
        top = node
        while not top.is_window():
            top = top.parent
        x, y, width, height = node.extents()
        _, _, inner_width, inner_height = top.extents()
        for window in windows():
            if title(window) == top.name or len(windows()) == 1:
                shell = run("xdotool", "getwindowgeometry", "--shell", window).stdout.decode()
                place = dict(re.findall(r"^(\w+)=(-?\d+)$", shell, re.MULTILINE))
                # The frame that the window draws around itself is as wide on the right as on the left.
                return (int(place["X"]) + (int(place["WIDTH"]) - inner_width) // 2 + x,
                        int(place["Y"]) + (int(place["HEIGHT"]) - inner_height) // 2 + y, width, height)
        raise Failure(f"the window “{top.name}” is not on the screen")

    def press(self, role, name, times=1):
        node = self.find(role, name)
        x, y, width, height = self.area(node)
        # A number's own buttons are at its end.
        click((x + (20 if role == "spin button" else width // 2), y + height // 2), times)

    def nameless(self):
        """Windows and what people act on that assistive technology cannot name: nothing, or the name of a class."""
        return sorted({f"{node.role} “{node.name}” in {node.parent.role} “{node.parent.name}”" for node in self.walk()
                       if (node.role in ACTED_ON or node.is_window()) and re.fullmatch(r"|(?:Gtk|Adw|Vera)[A-Z]\w*", node.name)})
