#include "resolver/dns/written_tails.h"

#include <xxhash.h>

#include "resolver/base/random.h"

namespace cenote {
namespace {

const uint64_t kHashKey = Random().u64();

}  // namespace

// From the root on: each label's hash goes on from that of what follows it, so a byte is read once.
TailHashes::TailHashes(const Name& name, const NameLabels& labels) noexcept {
  uint64_t hash = kHashKey;
  for (size_t label = labels.count(); label-- > 0;) {
    const size_t at = labels.offset(label);
    const Bytes bytes = name.wire().subspan(at, labels.offset(label + 1) - at);
    hash = XXH3_64bits_withSeed(bytes.data(), bytes.size(), hash);
    hashes_[label] = static_cast<uint32_t>(hash);
  }
}

void WrittenTails::add(uint32_t hash, size_t offset) {
  if (tails_.size() == kFew) {
    spread();
  }
  uint16_t& first = buckets_.empty() ? newest_ : buckets_[hash % kBuckets];
  tails_.push_back({hash, static_cast<uint16_t>(offset), first});
  first = static_cast<uint16_t>(tails_.size());
}

void WrittenTails::spread() {
  buckets_.assign(kBuckets, 0);
  for (size_t i = 0; i < tails_.size(); ++i) {
    uint16_t& first = buckets_[tails_[i].hash % kBuckets];
    tails_[i].next = first;
    first = static_cast<uint16_t>(i + 1);
  }
}

}  // namespace cenote
