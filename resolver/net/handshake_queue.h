// TLS handshakes that wait, for their client began as many as it may of late. As soon as there is room the
// newest is let through, the next time the oldest, and so on: neither many that wait hold up a newcomer, nor
// one that comes again and again those who wait. One server's, on its loop's thread.
#pragma once

#include <deque>

#include "resolver/net/client_places.h"
#include "resolver/net/loop.h"

namespace cenote {

class HandshakeQueue {
 public:
  class Waiter {
   public:
    [[nodiscard]] virtual const IpAddress& handshake_client() const = 0;
    // It may begin. May destroy the waiter.
    virtual void on_handshake_turn() = 0;

   protected:
    ~Waiter() = default;
  };

  HandshakeQueue(Loop& loop, ClientPlaces& places);

  // True: it may begin now. False: it waits, until it is called or forgotten.
  [[nodiscard]] bool begin(Waiter& waiter);
  void forget(const Waiter& waiter) noexcept;

 private:
  void call();
  bool call_one();

  Loop& loop_;
  ClientPlaces& places_;
  std::deque<Waiter*> waiting_;  // the newest last
  bool oldest_is_next_ = false;
  Timer timer_;
};

}  // namespace cenote
