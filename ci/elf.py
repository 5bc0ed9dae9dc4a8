# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reads object files (ELF, little-endian, 32 or 64 bits) and archives of them, as a graph of sections.

Compilers give every function and every constant a section of its own, so that a linker can throw
away what nothing refers to. The graph here is the linker's: an edge for each relocation.
"""
import struct

SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 2, 4, 8, 9
SHF_WRITE, SHF_ALLOC, SHF_EXEC = 1, 2, 4


class Section:
    __slots__ = ("object", "index", "name", "flags", "kind", "size", "data", "edges", "functions", "marks", "stack", "link")

    def __init__(self):
        self.edges = []      # (offset, symbol, addend, relocation type)
        self.functions = []  # (offset, name)
        self.marks = []      # ARM mapping symbols: (offset, "$t" / "$d" / "$a")
        self.stack = None    # bytes, from .stack_sizes

    @property
    def label(self):
        return self.functions[0][1] if self.functions else self.name

    @property
    def is_code(self):
        return bool(self.flags & SHF_EXEC)


class Symbol:
    __slots__ = ("name", "section", "value", "is_global", "is_weak", "kind")


def members(data):
    """The object files of an archive (or the one object file)."""
    if not data.startswith(b"!<arch>\n"):
        return [data]
    out, at, long_names = [], 8, b""
    while at + 60 <= len(data):
        name, size = data[at:at + 16], int(data[at + 48:at + 58])
        body = data[at + 60:at + 60 + size]
        if name.startswith(b"#1/"):
            body = body[int(name[3:]):]
        if body.startswith(b"\x7fELF"):
            out.append(body)
        at += 60 + size + (size & 1)
    return out


def sections_of(data):
    wide = data[4] == 2
    if wide:
        shoff, = struct.unpack_from("<Q", data, 40)
        shentsize, shnum, shstrndx = struct.unpack_from("<HHH", data, 58)
        header = "<IIQQQQIIQQ"
    else:
        shoff, = struct.unpack_from("<I", data, 32)
        shentsize, shnum, shstrndx = struct.unpack_from("<HHH", data, 46)
        header = "<IIIIIIIIII"
    raw = [struct.unpack_from(header, data, shoff + i * shentsize) for i in range(shnum)]
    if shnum == 0:
        first = struct.unpack_from(header, data, shoff)
        shnum = first[5]
        raw = [struct.unpack_from(header, data, shoff + i * shentsize) for i in range(shnum)]
        shstrndx = raw[0][6] if shstrndx == 0xffff else shstrndx

    def content(entry):
        return b"" if entry[1] == SHT_NOBITS else data[entry[4]:entry[4] + entry[5]]

    def text(table, offset):
        return table[offset:table.index(b"\0", offset)].decode("utf-8", "replace")

    names = content(raw[shstrndx])
    found = []
    for index, entry in enumerate(raw):
        section = Section()
        section.object, section.index = id(data), index
        section.name, section.kind, section.flags, section.size = text(names, entry[0]), entry[1], entry[2], entry[5]
        section.data, section.link = content(entry), entry[6]
        found.append(section)

    symbols = []
    for entry in raw:
        if entry[1] != SHT_SYMTAB:
            continue
        table, strings = content(entry), content(raw[entry[6]])
        step = 24 if wide else 16
        for at in range(0, len(table), step):
            if wide:
                name, info, _, shndx, value, _ = struct.unpack_from("<IBBHQQ", table, at)
            else:
                name, value, _, info, _, shndx = struct.unpack_from("<IIIBBH", table, at)
            symbol = Symbol()
            symbol.name, symbol.value, symbol.kind = text(strings, name), value, info & 15
            symbol.is_global, symbol.is_weak = info >> 4 != 0, info >> 4 == 2
            symbol.section = found[shndx] if 0 < shndx < 0xff00 else None
            symbols.append(symbol)
            if symbol.section is not None:
                if symbol.kind == 2:
                    symbol.section.functions.append((value & ~1, symbol.name))
                elif symbol.name[:2] in ("$t", "$d", "$a"):
                    symbol.section.marks.append((value, symbol.name[:2]))

    for section, entry in zip(found, raw):
        if section.kind not in (SHT_REL, SHT_RELA):
            continue
        target, body = found[entry[7]], section.data
        if wide:
            step = 24 if section.kind == SHT_RELA else 16
        else:
            step = 12 if section.kind == SHT_RELA else 8
        for at in range(0, len(body), step):
            offset, info = struct.unpack_from("<QQ" if wide else "<II", body, at)
            addend = 0
            if section.kind == SHT_RELA:
                addend, = struct.unpack_from("<q" if wide else "<i", body, at + (16 if wide else 8))
            target.edges.append((offset, symbols[info >> 32 if wide else info >> 8], addend, info & (0xffffffff if wide else 0xff)))
    for section in found:
        if section.name.startswith(".stack_sizes"):
            read_stack_sizes(section, wide)
    return found, symbols


def read_stack_sizes(section, wide):
    """Each entry: the function's address (a relocation) and its frame in bytes as ULEB128."""
    where = {offset: (symbol, addend) for offset, symbol, addend, _ in section.edges}
    at, word = 0, 8 if wide else 4
    while at + word < len(section.data):
        symbol, addend = where.get(at, (None, 0))
        at += word
        size = shift = 0
        while True:
            byte = section.data[at]
            at += 1
            size |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        if symbol is not None and symbol.section is not None:
            symbol.section.stack = max(symbol.section.stack or 0, size)


class Graph:
    """All sections of some files, with names resolved as a linker would."""

    def __init__(self, paths):
        self.sections, self.defined = [], {}
        for path in paths:
            with open(path, "rb") as file:
                data = file.read()
            for member in members(data):
                sections, symbols = sections_of(member)
                self.sections += sections
                for symbol in symbols:
                    if symbol.is_global and symbol.section is not None:
                        old = self.defined.get(symbol.name)
                        if old is None or (old.is_weak and not symbol.is_weak):
                            self.defined[symbol.name] = symbol

    def target(self, symbol):
        """The section that a relocation's symbol lies in, or None when it is defined nowhere."""
        if symbol.section is not None and not symbol.is_weak:
            return symbol.section
        found = self.defined.get(symbol.name)
        return found.section if found else symbol.section

    def out(self, section):
        """(offset, section or None, symbol name) for each relocation, debug information left out."""
        for offset, symbol, _, _ in section.edges:
            yield offset, self.target(symbol), symbol.name

    def reachable(self, names):
        """Sections reachable from these symbols, each with the section and offset that led there."""
        start = [self.defined[name].section for name in names]
        parent, todo = {section: None for section in start}, list(start)
        undefined = {}
        for section in todo:
            for offset, to, name in self.out(section):
                if to is None:
                    if name:
                        undefined.setdefault(name, (section, offset))
                elif to not in parent and to.flags & SHF_ALLOC:
                    parent[to] = (section, offset)
                    todo.append(to)
        return parent, undefined
