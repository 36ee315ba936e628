// What people decided about entries that a guard held: released ones act, refused ones are left out without
// asking again. A decision is about one entry of one feed with its scope: the same name listed more widely
// is held anew.
//
// Threads: one, the updater's.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "ioc/indicator.h"

namespace cenote {

struct HoldDecision {
  bool is_released = false;
  std::string who;
  std::string reason;
  WallTime time{};
};

// "suffix github.io", "address 192.0.2.0/24": what a decision is about.
std::string hold_key(const Indicator& indicator);
std::string hold_scope(const Indicator& indicator);

class HoldDecisions {
 public:
  void decide(std::string key, HoldDecision decision) { decisions_[std::move(key)] = std::move(decision); }
  [[nodiscard]] const HoldDecision* find(const Indicator& indicator) const {
    const auto found = decisions_.empty() ? decisions_.end() : decisions_.find(hold_key(indicator));
    return found == decisions_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] size_t size() const noexcept { return decisions_.size(); }

 private:
  friend std::string write_decisions(const HoldDecisions& decisions);
  friend HoldDecisions read_decisions(std::string_view text);
  std::map<std::string, HoldDecision> decisions_;
};

// As kept in the store.
std::string write_decisions(const HoldDecisions& decisions);
HoldDecisions read_decisions(std::string_view text);  // one that cannot be read is left out: held again

}  // namespace cenote
