// Everybody who follows the hits: each has a connection that is kept open and gets a line per hit. The
// history is looked at a few times a second, so neither worker nor recorder know of followers. Web thread.
#pragma once

#include <list>

#include "resolver/events/history.h"
#include "resolver/net/http.h"

namespace cenote {

class HitStreams {
 public:
  explicit HitStreams(size_t most = 32) : most_(most) {}

  // Starts with what `query` finds when it looks back (since, after, Last-Event-ID), else with the next hit.
  // Server-sent events for "Accept: text/event-stream", JSON lines otherwise. False: too many already.
  bool start(const HttpRequest& request, HttpResponder responder, HitQuery query, const History& history,
             MonoTime now);
  // To be called several times a second.
  void tick(const History& history, MonoTime now);
  void finish_all();

  [[nodiscard]] size_t size() const noexcept { return followers_.size(); }

 private:
  struct Follower {
    HttpResponder responder;
    HitQuery query;
    bool is_sse;
    MonoTime last_write;
  };
  static void send_new(Follower& follower, const History& history, MonoTime now);

  size_t most_;
  std::list<Follower> followers_;
};

}  // namespace cenote
