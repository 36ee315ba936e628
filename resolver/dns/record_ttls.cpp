#include "resolver/dns/record_ttls.h"

#include <algorithm>
#include <functional>

#include <boost/container/small_vector.hpp>

#include "resolver/dns/records.h"

namespace cenote {
namespace {

// Which RRset a record is of, as a number: of two sets with one number both have the lesser TTL, which
// whoever made them so can have without that.
size_t set_of(Bytes message, const RecordView& record) noexcept {
  const size_t owner = std::hash<std::string_view>()(as_text(record.owner.wire()));
  const bool is_signature = record.type == rrtype::kRrsig && record.rdata_size >= 2;
  const uint64_t covered = is_signature ? u16_at(message, record.rdata_offset) : 0;
  return owner ^ ((uint64_t{static_cast<uint8_t>(record.section)} << 32 | covered << 16 | record.type) *
                  0x9E3779B97F4A7C15);
}

void store_ttl(MutableBytes message, size_t at, uint32_t ttl) noexcept {
  ByteWriter(message, at).u32(ttl);
}

bool are_equal(Bytes message, std::span<const uint16_t> offsets) noexcept {
  return std::all_of(offsets.begin(), offsets.end(),
                     [&](uint16_t at) { return u32_at(message, at) == u32_at(message, offsets.front()); });
}

struct Place {
  size_t set;
  uint32_t ttl;
  uint16_t at;
};

}  // namespace

void level_ttls(MutableBytes message, std::span<const uint16_t> offsets) {
  if (are_equal(message, offsets)) {
    return;
  }
  boost::container::small_vector<Place, 16> places;
  RecordReader reader(message);
  RecordView record;
  while (reader.next(record)) {
    places.push_back({set_of(message, record), record.ttl, static_cast<uint16_t>(record.ttl_offset)});
  }
  // By set, the least first. Sorted, for an answer may hold thousands of records, of its author's choice.
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.set != b.set ? a.set < b.set : a.ttl < b.ttl; });
  const Place* least = nullptr;
  for (const Place& place : places) {
    if (least == nullptr || least->set != place.set) {
      least = &place;
    }
    store_ttl(message, place.at, least->ttl);
  }
}

void cap_ttls(MutableBytes message, std::span<const uint16_t> offsets, uint32_t most) noexcept {
  for (const uint16_t at : offsets) {
    if (u32_at(message, at) > most) {
      store_ttl(message, at, most);
    }
  }
}

}  // namespace cenote
