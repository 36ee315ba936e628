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

  // What it has seen in answers is looked at again: the block page's addresses may be others now. `number`:
  // of the configuration, so that all workers' guards know what one of them saw.
  void reload(const RebindingSettings& settings, const ServerPool& pool, uint32_t number);
  // From now on these upstreams are asked. REQUIRES: before the first covers().
  void connect(const ServerPool& pool);
  // `zone`: by its number. Of upstreams that were replaced, whose answers may still come, or be stale in the
  // cache, it is as it was last.
  [[nodiscard]] bool covers(uint32_t zone) const noexcept {
    return zone == covered_zone_ || (!covered_before_.empty() && was_covered(zone));
  }
  // Where this answer to `name` leads; it is kept back unless that is outside, or the name may lead anywhere
  // and so outside is said. `findings` remembers what its records are.
  [[nodiscard]] LeadsTo judge(const Name& name, Bytes answer, const Policy& policy,
                              AnswerCache::Entry::Findings& findings) const noexcept;

 private:
  static constexpr uint64_t kNoZone = UINT64_MAX;

  RebindingSettings settings_;
  uint16_t settings_number_ = 1;  // never 0
  [[nodiscard]] bool was_covered(uint32_t zone) const noexcept;

  uint64_t covered_zone_ = kNoZone;
  std::vector<uint64_t> covered_before_;  // of replaced upstreams; no number comes again
};

// Private, shared, link-local or this host itself, also as an IPv4 address inside of an IPv6 one.
bool is_inner(const IpAddress& address) noexcept;
// 0.0.0.0 or ::, also as an IPv4 address inside of an IPv6 one. No address of anybody's, but most systems
// take it for the host itself when a program connects to it.
bool is_nowhere(const IpAddress& address) noexcept;
// Of the A, AAAA and hints of HTTPS and SVCB records in the answer to that question; the block page of
// `policy` is outside.
LeadsTo leads_to(Bytes message, const Name& question, const Policy& policy) noexcept;

}  // namespace cenote
