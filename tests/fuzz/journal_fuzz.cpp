// Any bytes as a journal: what is read is whole, and every record is a change or refused.
#include "ioc/journal.h"
#include "ioc/small_change.h"
#include "ioc/store_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace cenote;
  const std::string_view file(reinterpret_cast<const char*>(bytes), size);
  const JournalContent content = parse_journal(file);
  if (content.good_bytes + content.other_bytes != size) {
    __builtin_trap();
  }
  StoredGeneration generation;
  for (const std::string& record : content.records) {
    if (const auto change = read_small_change(record)) {
      apply(*change, generation);
    }
  }
  // A record alone, since few inputs have a right checksum.
  if (const auto change = read_small_change(file)) {
    apply(*change, generation);
    if (!read_small_change(write_small_change(*change))) {
      __builtin_trap();
    }
  }
  return 0;
}
