// Any bytes as a snapshot file: refused, or loaded and then safe to ask, to walk and to merge. The checksum
// is made true first, so that the checks behind it are what is tried.
#include <vector>

#include "ioc/compiled_snapshot.h"
#include "ioc/snapshot_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace cenote;
  std::vector<uint8_t> image(bytes, bytes + size);
  reseal_image(image);
  auto mapped = Image::from_bytes(image);
  if (!mapped) {
    return 0;
  }
  auto snapshot = CompiledSnapshot::from_image(std::move(*mapped));
  if (!snapshot) {
    return 0;
  }
  const auto read = [&](std::span<const Hit> hits) {
    for (const Hit& hit : hits) {
      const Record record = (*snapshot)->record(hit.record);
      static_cast<void>((*snapshot)->feeds().at(record.feed).name.size());
      static_cast<void>((*snapshot)->categories().at(record.category).size());
      // Every byte of the texts is touched.
      volatile size_t sum = 0;
      for (const std::string_view text : {record.threat, record.reference, record.note, record.source_ref}) {
        for (const char c : text) {
          sum = sum + static_cast<uint8_t>(c);
        }
      }
    }
  };
  for (const char* text :
       {".", "test", "a.test", "x.a.test", "b.example", "deep.er.b.example", "zz", "\\000.test"}) {
    const Name name = Name::from_text(text).value();
    read(Hits(**snapshot, name).all());
    static_cast<void>((*snapshot)->has_entry_below(name));
  }
  for (const char* text : {"192.0.2.1", "198.51.100.7", "2001:db8::1"}) {
    read(Hits(**snapshot, IpAddress::from_text(text).value()).all());
  }
  NameCursor cursor((*snapshot)->name_index());
  for (int i = 0; i < 1000 && cursor.next(); ++i) {
    read({});
  }
  std::vector<FeedPart> parts;
  for (const SnapshotFeed& feed : (*snapshot)->feeds()) {
    parts.push_back({feed.name, nullptr});
  }
  if ((*snapshot)->name_index().size() < 10'000 && (*snapshot)->address_index().size() < 10'000) {
    static_cast<void>(build_snapshot(snapshot->get(), parts, 2, 1));
  }
  return 0;
}
