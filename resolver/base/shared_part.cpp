#include "resolver/base/shared_part.h"

#include <algorithm>

#include <fmt/format.h>

namespace cenote {

SharedPart::SharedPart(Faults& faults, Part part, size_t holders)
    : faults_(faults), part_(part), holders_(holders) {}

void SharedPart::expect(const std::string& problem, const std::string& warning) {
  const std::lock_guard lock(mutex_);
  problem_ = problem;
  warning_ = warning;
  for (Holder& holder : holders_) {
    holder.is_awaited = true;
  }
  judge();
}

void SharedPart::tell(size_t holder, bool has_it, const std::string& problem) {
  const std::lock_guard lock(mutex_);
  holders_[holder] = {false, has_it, problem};
  judge();
}

bool SharedPart::is_held() const {
  const std::lock_guard lock(mutex_);
  return count() != 0;
}

size_t SharedPart::count() const noexcept {
  return static_cast<size_t>(
      std::count_if(holders_.begin(), holders_.end(), [](const Holder& holder) { return holder.has_it; }));
}

void SharedPart::set(bool is_off, const std::string& why) {
  is_off ? faults_.off(part_, why) : faults_.impaired(part_, why);
}

// What is wrong for all is known at once. Of the holders nothing is said before all have told: what stood
// until then goes on standing.
void SharedPart::judge() {
  const size_t having = count();
  if (!problem_.empty()) {
    set(having == 0, having == 0 ? problem_ : problem_ + "; what was shown before stays in use");
    return;
  }
  if (std::any_of(holders_.begin(), holders_.end(), [](const Holder& holder) { return holder.is_awaited; })) {
    return;
  }
  const auto troubled = std::find_if(holders_.begin(), holders_.end(),
                                     [](const Holder& holder) { return !holder.problem.empty(); });
  if (troubled != holders_.end()) {
    const bool is_partial = having != 0 && having != holders_.size();
    set(having == 0, is_partial ? fmt::format("{} of {} workers are without it: {}", holders_.size() - having,
                                              holders_.size(), troubled->problem)
                                : troubled->problem);
  } else if (!warning_.empty()) {
    set(false, warning_);
  } else {
    faults_.clear(part_);
  }
}

}  // namespace cenote
