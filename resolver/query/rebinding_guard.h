// Keeps answers from outside from leading clients to inner addresses (DNS rebinding). It covers the root
// zone's upstreams alone: whoever configures servers for a zone means what they say. One worker's.
#pragma once

#include <vector>

#include "resolver/cache/answer_cache.h"
#include "resolver/policy/policy.h"
#include "resolver/query/settings.h"
#include "resolver/upstream/server_pool.h"

namespace cenote {

class RebindingGuard {
 public:
  explicit RebindingGuard(const RebindingSettings& settings) : settings_(settings) {}

  // What it has seen in answers is looked at again: the block page's addresses may be others now.
  void reload(const RebindingSettings& settings, const ServerPool& pool);
  // From now on `zone` numbers are those of this pool. REQUIRES: before the first covers().
  void connect(const ServerPool& pool);
  [[nodiscard]] bool covers(uint16_t zone) const noexcept { return zone == covered_zone_; }
  // Must this answer to `name` be kept back? `findings` remembers what its records are.
  [[nodiscard]] bool withholds(const Name& name, Bytes answer, const Policy& policy,
                               AnswerCache::Entry::Findings& findings) const noexcept;

 private:
  static constexpr uint32_t kNoZone = UINT32_MAX;

  RebindingSettings settings_;
  uint16_t settings_number_ = 1;  // never 0
  uint32_t covered_zone_ = kNoZone;
};

// Private, shared, link-local or this host itself, also as an IPv4 address inside of an IPv6 one.
bool is_inner(const IpAddress& address) noexcept;
// In the answer to that question an A, AAAA or hint of an HTTPS or SVCB record is inner, and not the block
// page of `policy`.
bool leads_inside(Bytes message, const Name& question, const Policy& policy) noexcept;

}  // namespace cenote
