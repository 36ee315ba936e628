#include "resolver/cache/answer_cache.h"

#include <array>
#include <cstdlib>
#include <new>

#include <xxhash.h>

#include "resolver/base/random.h"

namespace cenote {
namespace {

constexpr uint8_t kDnssecOk = 1;
constexpr uint8_t kCheckingDisabled = 2;
constexpr uint8_t kKeyFlags = kDnssecOk | kCheckingDisabled;
// RFC 9520 section 3.2: at least 1 s, at most 5 min; short, because our upstreams are few and a person waits.
constexpr seconds kFailureTtl{5};
// RFC 8767 section 5: not asked again for 30 s, so that nobody waits for an upstream that is gone.
constexpr seconds kStalePause{30};
// Asked so often in its life an entry is hot, and when a tenth of that life is left it is asked for again.
constexpr uint8_t kHot = 4;
constexpr uint8_t kMostHits = 7;  // the bits that an entry has for them
constexpr uint32_t kRefreshTenth = 10;
constexpr seconds kLeastRefreshed{10};  // what lives shorter would be asked for all the time
// The key's type for "this name does not exist", which holds for all types. No question has it.
constexpr uint16_t kNoSuchName = 0;
// An answer larger than this is not worth the place of thousands of others (CVE-2024-25590).
constexpr size_t kMaxEntryMessage = 16384;
constexpr size_t kErrorHead = 3;  // code and length
static_assert(kMaxUpstreamErrorText <= UINT8_MAX);
// What malloc adds to a block, roughly: counted, so that the limit is honest.
constexpr size_t kAllocationOverhead = 16;
// Slots a used one costs: between 3/8 and 3/4 of them are.
constexpr size_t kSlotsPerEntry = 2;

uint8_t flags_of(const CacheKey& key) noexcept {
  return static_cast<uint8_t>((key.dnssec_ok ? kDnssecOk : 0) |
                              (key.checking_disabled ? kCheckingDisabled : 0));
}

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

// Hashed once for whatever types are looked for.
uint64_t hash_of_name(Bytes name, uint16_t partition, uint8_t flags) noexcept {
  const uint64_t rest = (uint64_t{partition} << 8) | flags;
  return XXH3_64bits_withSeed(name.data(), name.size(), kHashKey ^ (rest * kSpread));
}

uint64_t hash_of_type(uint64_t name_hash, uint16_t type) noexcept {
  return name_hash ^ (type * kSpread);
}

}  // namespace

uint64_t CacheKey::name_hash() const noexcept {
  return hash_of_name(name.wire(), partition, flags_of(*this));
}

uint64_t CacheKey::hash() const noexcept {
  return hash_of_type(name_hash(), type);
}

// Not kept: only who goes, or moves, needs it again.
uint64_t AnswerCache::Entry::hash() const noexcept {
  return hash_of_type(hash_of_name(name(), partition_, key_flags_), type_);
}

size_t AnswerCache::Entry::Content::bytes() const noexcept {
  return 2 * ttl_offsets.size() + message.size() + (error != nullptr ? kErrorHead + error->text.size() : 0);
}

size_t AnswerCache::Entry::bytes() const noexcept {
  return sizeof(Entry) + size_t{2} * ttl_count_ + message_size_ + error_bytes() + kAllocationOverhead +
         kSlotsPerEntry * sizeof(Slot);
}

size_t AnswerCache::Entry::error_bytes() const noexcept {
  return has_error_ ? kErrorHead + message().data()[message_size_ + 2] : 0;
}

ExtendedError AnswerCache::Entry::error() const noexcept {
  const Bytes kept(message().data() + message_size_, error_bytes());
  return {static_cast<Ede>(u16_at(kept, 0)), as_text(kept.subspan(kErrorHead))};
}

// REQUIRES: room for content.bytes() behind the entry; a text of at most kMaxUpstreamErrorText.
void AnswerCache::Entry::fill(const Content& content) noexcept {
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

uint16_t AnswerCache::Entry::ttl_offset(size_t index) const noexcept {
  uint16_t offset = 0;
  std::memcpy(&offset, tail() + 2 * index, sizeof offset);
  return offset;
}

Bytes AnswerCache::Entry::message() const noexcept {
  return {tail() + size_t{2} * ttl_count_, message_size_};
}

// The question's, which stands whole and in small letters behind the header.
Bytes AnswerCache::Entry::name() const noexcept {
  return message().subspan(kHeaderBytes, name_size_);
}

size_t AnswerCache::Entry::copy(MutableBytes out, MonoTime now, seconds stale_ttl) const noexcept {
  const Bytes source = message();
  std::memcpy(out.data(), source.data(), source.size());
  const bool stale = !is_fresh(now);
  const uint32_t age = (ticks(now) - stored_) / kTicksPerSecond;
  for (size_t i = 0; i < ttl_count_; ++i) {
    uint8_t* at = out.data() + ttl_offset(i);
    const uint32_t ttl = load_ttl(at);
    store_ttl(at, stale ? static_cast<uint32_t>(stale_ttl.count()) : ttl > age ? ttl - age : 0);
  }
  return source.size();
}

bool AnswerCache::Entry::take_refresh(MonoTime now) noexcept {
  const Ticks life = expires_ - stored_;
  if (refreshed_ || !is_fresh(now) || hits_ < kHot || life < ticks(kLeastRefreshed) ||
      expires_ - ticks(now) > life / kRefreshTenth) {
    return false;
  }
  refreshed_ = true;
  return true;
}

// No client may keep a record longer than we would.
void AnswerCache::Entry::cap_ttls(seconds most) noexcept {
  uint8_t* message = tail() + size_t{2} * ttl_count_;
  for (size_t i = 0; i < ttl_count_; ++i) {
    uint8_t* at = message + ttl_offset(i);
    store_ttl(at, std::min(load_ttl(at), static_cast<uint32_t>(most.count())));
  }
}

AnswerCache::AnswerCache(const CacheSettings& settings, uint64_t bytes)
    : settings_(settings), capacity_(bytes), slots_(1024) {}

AnswerCache::~AnswerCache() {
  clear();
}

AnswerCache::Entry* AnswerCache::lookup(const CacheKey& key, Bytes name, uint64_t name_hash,
                                        uint16_t type) const noexcept {
  const uint64_t hash = hash_of_type(name_hash, type);
  for (size_t i = home(hash); slots_[i].is_used(); i = next(i)) {
    if (!slots_[i].may_be_of(hash)) {
      continue;
    }
    Entry* entry = slots_[i].entry();
    if (entry->type_ == type && entry->partition_ == key.partition && entry->key_flags_ == flags_of(key) &&
        entry->name_size_ == name.size() &&
        std::memcmp(entry->name().data(), name.data(), name.size()) == 0) {
      return entry;
    }
  }
  return nullptr;
}

AnswerCache::Entry* AnswerCache::find(const CacheKey& key, MonoTime now, bool* has_stale) noexcept {
  const uint64_t name_hash = key.name_hash();
  Entry* entry = lookup(key, key.name.wire(), name_hash, key.type);
  if (entry == nullptr || !entry->is_fresh(now)) {
    Entry* denied = lookup(key, key.name.wire(), name_hash, kNoSuchName);
    if (denied != nullptr && (entry == nullptr || denied->is_fresh(now))) {
      entry = denied;
    }
  }
  // Where upstream failed lately a stale answer is given without asking again (RFC 8767 section 5).
  const auto is_paused = [&] {
    return Entry::ticks(now) < entry->retry_after_ && is_usable_stale(*entry, now);
  };
  if (entry == nullptr || (!entry->is_fresh(now) && !is_paused())) {
    if (has_stale != nullptr) {
      *has_stale = entry != nullptr;
    }
    return nullptr;
  }
  entry->visited_ = true;
  if (entry->hits_ < kHot) {
    entry->hits_ = (entry->hits_ + 1) & kMostHits;
  }
  return entry;
}

AnswerCache::Entry* AnswerCache::find_cut(const CacheKey& key, MonoTime now) noexcept {
  if (key.dnssec_ok || !settings_.nxdomain_cut) {
    return nullptr;
  }
  const NameLabels labels(key.name);
  for (size_t i = 1; i < labels.count(); ++i) {
    const Bytes above = key.name.wire().subspan(labels.offset(i));
    Entry* entry = lookup(key, above, hash_of_name(above, key.partition, flags_of(key)), kNoSuchName);
    if (entry != nullptr && entry->is_fresh(now) && !entry->has_error()) {
      entry->visited_ = true;
      return entry;
    }
  }
  return nullptr;
}

AnswerCache::Entry* AnswerCache::find_stale(const CacheKey& key, MonoTime now) noexcept {
  const uint64_t name_hash = key.name_hash();
  for (const uint16_t type : {key.type, kNoSuchName}) {
    Entry* entry = lookup(key, key.name.wire(), name_hash, type);
    if (entry != nullptr && !entry->failure_ && is_usable_stale(*entry, now)) {
      return entry;
    }
  }
  return nullptr;
}

bool AnswerCache::is_usable_stale(const Entry& entry, MonoTime now) const noexcept {
  const seconds beyond = entry.failure_ ? seconds{0} : settings_.serve_stale;
  return Entry::ticks(now) < entry.expires_ + Entry::ticks(beyond);
}

AnswerCache::Entry* AnswerCache::emplace(const CacheKey& key, uint64_t name_hash, uint16_t type,
                                         const Entry::Content& content, MonoTime now) {
  if (Entry* old = lookup(key, key.name.wire(), name_hash, type)) {
    remove(old);
  }
  void* memory = std::malloc(sizeof(Entry) + content.bytes());
  if (memory == nullptr) {
    return nullptr;  // Out of memory costs a cache entry, nothing else.
  }
  auto* entry = new (memory) Entry;
  entry->stored_ = Entry::ticks(now);
  entry->name_size_ = static_cast<uint8_t>(key.name.size());
  entry->key_flags_ = flags_of(key) & kKeyFlags;
  entry->type_ = type;
  entry->partition_ = key.partition;
  entry->fill(content);
  while (size_ > 0 && counters_.bytes.value() + entry->bytes() > capacity_) {
    evict_one();
  }
  if ((size_ + 1) * 4 > slots_.size() * 3) {
    grow();
  }
  place(entry, hash_of_type(name_hash, type));
  entry->older_ = newest_;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = entry;
  newest_ = entry;
  ++size_;
  counters_.inserted.add();
  counters_.entries.set(size_);
  counters_.bytes.add(entry->bytes());
  return entry;
}

void AnswerCache::place(Entry* entry, uint64_t hash) noexcept {
  size_t i = home(hash);
  while (slots_[i].is_used()) {
    i = next(i);
  }
  slots_[i] = {entry, hash};
}

AnswerCache::Entry* AnswerCache::insert(const CacheKey& key, const ScrubbedResponse& response, MonoTime now) {
  const seconds ttl =
      std::min(seconds{response.ttl}, response.negative ? settings_.max_negative_ttl : settings_.max_ttl);
  if (response.is_failure() || ttl.count() == 0 || (response.negative && !response.has_soa) ||
      response.message.size() > kMaxEntryMessage) {
    return nullptr;
  }
  // What was known before of the name's existence is no longer so.
  const bool denies_name = response.rcode == Rcode::kNxDomain && !response.has_chain;
  const uint64_t name_hash = key.name_hash();
  if (Entry* contrary = lookup(key, key.name.wire(), name_hash, denies_name ? key.type : kNoSuchName)) {
    remove(contrary);
  }
  const UpstreamError* error = response.error ? &*response.error : nullptr;
  Entry* entry = emplace(key, name_hash, denies_name ? kNoSuchName : key.type,
                         {response.message, response.ttl_offsets, error}, now);
  if (entry != nullptr) {
    entry->rcode_ = static_cast<uint8_t>(response.rcode) & flag::kRcode;
    entry->expires_ = Entry::ticks(now) + Entry::ticks(ttl);
    entry->cap_ttls(response.negative ? settings_.max_negative_ttl : settings_.max_ttl);
  }
  return entry;
}

void AnswerCache::insert_failure(const CacheKey& key, MonoTime now) {
  if (Entry* old = find_stale(key, now)) {
    old->retry_after_ =
        Entry::ticks(now) +
        Entry::ticks(kStalePause);  // A stale answer is worth more than the knowledge that it failed.
    return;
  }
  std::array<uint8_t, kHeaderBytes + kMaxNameBytes> question{};  // whose name it is
  const Bytes name = key.name.wire();
  std::copy(name.begin(), name.end(), question.begin() + kHeaderBytes);
  const Entry::Content content{Bytes(question).first(kHeaderBytes + name.size()), {}};
  if (Entry* entry = emplace(key, key.name_hash(), key.type, content, now)) {
    entry->rcode_ = static_cast<uint8_t>(Rcode::kServFail) & flag::kRcode;
    entry->failure_ = true;
    entry->expires_ = Entry::ticks(now) + Entry::ticks(kFailureTtl);
  }
}

void AnswerCache::remove(Entry* entry) noexcept {
  counters_.bytes.sub(entry->bytes());
  counters_.entries.set(--size_);
  if (hand_ == entry) {
    hand_ = entry->newer_;
  }
  (entry->newer_ != nullptr ? entry->newer_->older_ : newest_) = entry->older_;
  (entry->older_ != nullptr ? entry->older_->newer_ : oldest_) = entry->newer_;
  // Backward-shift deletion: what probed past the hole moves into it, so that no tombstones are needed.
  const size_t mask = slots_.size() - 1;
  size_t hole = home(entry->hash());
  while (slots_[hole].entry() != entry) {
    hole = next(hole);
  }
  for (size_t i = next(hole); slots_[i].is_used(); i = next(i)) {
    if (((i - home(slots_[i].entry()->hash())) & mask) >= ((i - hole) & mask)) {
      slots_[hole] = slots_[i];
      hole = i;
    }
  }
  slots_[hole] = {};
  entry->~Entry();
  std::free(entry);
}

void AnswerCache::evict_one() noexcept {
  Entry* candidate = hand_ != nullptr ? hand_ : oldest_;
  while (candidate->visited_) {
    candidate->visited_ = false;
    candidate = candidate->newer_ != nullptr ? candidate->newer_ : oldest_;
  }
  hand_ = candidate->newer_;
  remove(candidate);
  counters_.evicted.add();
}

void AnswerCache::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.is_used()) {
      place(slot.entry(), slot.entry()->hash());
    }
  }
}

void AnswerCache::clear() noexcept {
  while (newest_ != nullptr) {
    remove(newest_);
  }
}

}  // namespace cenote
