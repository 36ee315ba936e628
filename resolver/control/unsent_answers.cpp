#include "resolver/control/unsent_answers.h"

#include <algorithm>

namespace cenote {

bool UnsentAnswers::has_room(const std::string& who, size_t bytes) {
  if (bytes < kLarge) {
    return true;
  }
  size_t all = 0;
  size_t own = 0;
  answers_.remove_if([](const Answer& answer) { return answer.responder.unsent() == 0; });
  for (const Answer& answer : answers_) {
    const size_t unsent = answer.responder.unsent();
    all += unsent;
    own += answer.who == who ? unsent : 0;
  }
  return own == 0 || own + bytes <= kMost - std::min(kMost, all);
}

void UnsentAnswers::add(std::string who, HttpResponder responder) {
  if (responder.unsent() >= kLarge) {
    answers_.push_back({std::move(who), std::move(responder)});
  }
}

}  // namespace cenote
