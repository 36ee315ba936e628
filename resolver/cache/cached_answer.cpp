#include "resolver/cache/cached_answer.h"

#include <cstdlib>
#include <new>

#include <xxhash.h>

#include "resolver/base/random.h"

namespace cenote {
namespace {

constexpr size_t kErrorHead = 3;  // code and length
static_assert(kMaxUpstreamErrorText <= UINT8_MAX);
// What malloc adds to a block, roughly: counted, so that the limit is honest.
constexpr size_t kAllocationOverhead = 16;
// Places that a used one costs, a pointer each: between 3/8 and 3/4 of them are used.
constexpr size_t kPlaceBytes = 2 * sizeof(void*);

uint32_t load_ttl(const uint8_t* at) noexcept {
  return (uint32_t{at[0]} << 24) | (uint32_t{at[1]} << 16) | (uint32_t{at[2]} << 8) | at[3];
}

void store_ttl(uint8_t* at, uint32_t ttl) noexcept {
  at[0] = static_cast<uint8_t>(ttl >> 24);
  at[1] = static_cast<uint8_t>(ttl >> 16);
  at[2] = static_cast<uint8_t>(ttl >> 8);
  at[3] = static_cast<uint8_t>(ttl);
}

// Keyed per process, so that nobody outside can choose names that collide.
const uint64_t kHashKey = Random().u64();
constexpr uint64_t kSpread = 0x9E3779B97F4A7C15;

}  // namespace

uint64_t hash_of_name(Bytes name, uint32_t partition, uint8_t flags) noexcept {
  const uint64_t rest = (uint64_t{partition} << 8) | flags;
  return XXH3_64bits_withSeed(name.data(), name.size(), kHashKey ^ (rest * kSpread));
}

uint64_t hash_of_type(uint64_t name_hash, uint16_t type) noexcept {
  return name_hash ^ (type * kSpread);
}

uint64_t CacheKey::name_hash() const noexcept {
  return hash_of_name(name.wire(), partition, flags());
}

uint64_t CacheKey::hash() const noexcept {
  return hash_of_type(name_hash(), type);
}

CachedAnswer::Ptr CachedAnswer::make(const CacheKey& key, uint16_t type, Rcode rcode, const Content& content,
                                     const Life& life, bool is_failure) noexcept {
  void* memory = std::malloc(sizeof(CachedAnswer) + content.bytes());
  if (memory == nullptr) {
    return nullptr;
  }
  Ptr answer(new (memory) CachedAnswer);
  answer->stored_ = ticks(life.stored);
  answer->expires_ = answer->stored_ + ticks(life.ttl);
  answer->name_size_ = static_cast<uint8_t>(key.name.size());
  answer->key_flags_ = key.flags() & 3;
  answer->type_ = type;
  answer->partition_ = key.partition;
  answer->rcode_ = static_cast<uint8_t>(rcode) & flag::kRcode;
  answer->failure_ = is_failure;
  answer->fill(content);
  return answer;
}

void CachedAnswer::Free::operator()(CachedAnswer* answer) const noexcept {
  answer->~CachedAnswer();
  std::free(answer);
}

size_t CachedAnswer::Content::bytes() const noexcept {
  return 2 * ttl_offsets.size() + message.size() + (error != nullptr ? kErrorHead + error->text.size() : 0);
}

// REQUIRES: room for content.bytes() behind it.
void CachedAnswer::fill(const Content& content) noexcept {
  ttl_count_ = static_cast<uint16_t>(content.ttl_offsets.size());
  message_size_ = static_cast<uint16_t>(content.message.size());
  has_error_ = content.error != nullptr;
  ByteWriter writer({tail(), content.bytes()});
  writer.bytes(
      {reinterpret_cast<const uint8_t*>(content.ttl_offsets.data()), content.ttl_offsets.size_bytes()});
  writer.bytes(content.message);
  if (has_error_) {
    writer.u16(static_cast<uint16_t>(content.error->code));
    writer.u8(static_cast<uint8_t>(content.error->text.size()));
    writer.text(content.error->text);
  }
}

// Not kept: only who goes, or moves, needs it again.
uint64_t CachedAnswer::name_hash() const noexcept {
  return hash_of_name(name(), partition_, key_flags_);
}

uint64_t CachedAnswer::hash() const noexcept {
  return hash_of_type(name_hash(), type_);
}

size_t CachedAnswer::bytes() const noexcept {
  return sizeof(CachedAnswer) + size_t{2} * ttl_count_ + message_size_ + error_bytes() + kAllocationOverhead +
         kPlaceBytes;
}

size_t CachedAnswer::error_bytes() const noexcept {
  return has_error_ ? kErrorHead + message().data()[message_size_ + 2] : 0;
}

ExtendedError CachedAnswer::error() const noexcept {
  const Bytes kept(message().data() + message_size_, error_bytes());
  return {static_cast<Ede>(u16_at(kept, 0)), as_text(kept.subspan(kErrorHead))};
}

uint16_t CachedAnswer::ttl_offset(size_t index) const noexcept {
  uint16_t offset = 0;
  std::memcpy(&offset, tail() + 2 * index, sizeof offset);
  return offset;
}

Bytes CachedAnswer::message() const noexcept {
  return {tail() + size_t{2} * ttl_count_, message_size_};
}

// The question's, which stands whole and in small letters behind the header.
Bytes CachedAnswer::name() const noexcept {
  return message().subspan(kHeaderBytes, name_size_);
}

size_t CachedAnswer::copy(MutableBytes out, MonoTime now, seconds stale_ttl) const noexcept {
  const Bytes source = message();
  std::memcpy(out.data(), source.data(), source.size());
  const bool stale = !is_fresh(now);
  // The clock of the worker that stored it may be a turn ahead.
  const uint32_t old = (std::max(ticks(now), stored_) - stored_) / kTicksPerSecond;
  for (size_t i = 0; i < ttl_count_; ++i) {
    uint8_t* at = out.data() + ttl_offset(i);
    const uint32_t ttl = load_ttl(at);
    store_ttl(at, stale ? static_cast<uint32_t>(stale_ttl.count()) : ttl > old ? ttl - old : 0);
  }
  return source.size();
}

}  // namespace cenote
