#include "resolver/net/handshake_queue.h"

#include <algorithm>

namespace cenote {
namespace {

constexpr milliseconds kLook{10};    // one of a client's hundred handshakes a second
constexpr size_t kMostLooked = 512;  // in one go

}  // namespace

HandshakeQueue::HandshakeQueue(Loop& loop, ClientPlaces& places)
    : loop_(loop), places_(places), timer_(loop, [this] { call(); }) {}

bool HandshakeQueue::begin(Waiter& waiter) {
  const IpAddress& client = waiter.handshake_client();
  // Not before those of the same client who wait: who comes again and again would get every turn.
  const bool others_wait = std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiter* each) {
    return each->handshake_client() == client;
  });
  if (!others_wait && places_.begin_handshake(client, loop_.now())) {
    return true;
  }
  waiting_.push_back(&waiter);
  if (!timer_.is_active()) {
    timer_.start(kLook, kLook);
  }
  return false;
}

void HandshakeQueue::forget(const Waiter& waiter) noexcept {
  const auto found = std::find(waiting_.begin(), waiting_.end(), &waiter);
  if (found != waiting_.end()) {
    waiting_.erase(found);
  }
}

void HandshakeQueue::call() {
  while (call_one()) {
  }
  if (waiting_.empty()) {
    timer_.stop();
  }
}

// The first one, from either end, whose client may go on. False: there is none.
bool HandshakeQueue::call_one() {
  const size_t looked = std::min(waiting_.size(), kMostLooked);
  const IpAddress* turned_away = nullptr;  // those of one client often stand together
  for (size_t i = 0; i < looked; ++i) {
    const size_t at = oldest_is_next_ ? i : waiting_.size() - 1 - i;
    Waiter* const waiter = waiting_[at];
    const IpAddress& client = waiter->handshake_client();
    if (turned_away != nullptr && client == *turned_away) {
      continue;
    }
    if (places_.begin_handshake(client, loop_.now())) {
      waiting_.erase(waiting_.begin() + static_cast<ptrdiff_t>(at));
      oldest_is_next_ = !oldest_is_next_;
      waiter->on_handshake_turn();
      return true;
    }
    turned_away = &client;
  }
  return false;
}

}  // namespace cenote
