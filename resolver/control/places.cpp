#include "resolver/control/places.h"

#include <algorithm>

namespace cenote {

Places::Place::Place(std::shared_ptr<Taken> taken, std::string who)
    : taken_(std::move(taken)), who_(std::move(who)) {
  ++taken_->by[who_];
  ++taken_->in_all;
}

Places::Place::~Place() {
  const auto found = taken_->by.find(who_);
  if (--found->second == 0) {
    taken_->by.erase(found);
  }
  --taken_->in_all;
}

Places::Ref Places::take(const std::string& who) {
  const size_t free = all_ - std::min(all_, taken_->in_all);
  return free > taken_by(who) ? Ref(new Place(taken_, who)) : nullptr;
}

std::string Places::who_has_most() const {
  const auto most = std::max_element(taken_->by.begin(), taken_->by.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most != taken_->by.end() && most->second > 1 ? most->first : std::string();
}

size_t Places::taken_by(const std::string& who) const {
  const auto found = taken_->by.find(who);
  return found == taken_->by.end() ? 0 : found->second;
}

}  // namespace cenote
