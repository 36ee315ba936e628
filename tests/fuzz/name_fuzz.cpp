// Names: whatever is read is canonical and survives text and wire; text that is accepted is a fixed point.
#include <cstdlib>

#include "resolver/dns/name.h"

using cenote::ByteReader;
using cenote::Bytes;
using cenote::Name;

namespace {

void require(bool truth) {
  if (!truth) {
    std::abort();
  }
}

void survives(const Name& name) {
  require(name.size() >= 1 && name.size() <= cenote::kMaxNameBytes);
  require(name.label_count() <= cenote::kMaxLabels);
  require(Name::from_wire(name.wire()) == name);
  require(Name::from_text(name.to_text()) == name);
  require(name.is_at_or_below(name.suffix(name.label_count() / 2)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const Bytes input(bytes, size);
  ByteReader reader(input, size < cenote::kMaxNameBytes ? size / 2 : size - 64);
  Name read;
  const size_t before = reader.offset();
  if (Name::read(reader, read)) {
    require(reader.offset() > before && reader.offset() <= size);
  } else {
    require(!reader.ok() && read.is_root());
  }
  survives(read);
  if (const auto text = Name::from_text(cenote::as_text(input))) {
    survives(*text);
  }
  if (const auto wire = Name::from_wire(input)) {
    survives(*wire);
  }
  return 0;
}
