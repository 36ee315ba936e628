// Everybody who follows the hits: each has a connection that is kept open and gets a line per hit. The
// history is looked at a few times a second, so neither worker nor recorder know of followers. Web thread.
#pragma once

#include <functional>
#include <list>
#include <optional>

#include "resolver/control/places.h"
#include "resolver/control/tokens.h"
#include "resolver/events/history.h"
#include "resolver/net/http.h"

namespace cenote {

class HitStreams {
 public:
  explicit HitStreams(size_t most = 32) : places_(most) {}

  struct Asked {
    std::optional<Token> by;  // nullopt: over the local socket
    MonoTime at;
  };
  // Starts with what `query` finds when it looks back (since, after, Last-Event-ID), else with the next hit.
  // Server-sent events for "Accept: text/event-stream", JSON lines otherwise. False: no place for this
  // sender.
  bool start(const HttpRequest& request, HttpResponder responder, HitQuery query, const History& history,
             Asked asked);
  // Of the response to such a request.
  static HttpHeaders headers(const HttpRequest& request);
  // To be called several times a second. Who may not follow any more hears no hit more.
  using May = std::function<bool(const Token&)>;
  void tick(const History& history, MonoTime now, const May& may);
  void finish_all();  // nobody starts after this

  [[nodiscard]] size_t size() const noexcept { return followers_.size(); }

 private:
  struct Follower {
    HttpResponder responder;
    HitQuery query;
    bool is_sse;
    MonoTime last_write;
    std::optional<Token> token;
    Places::Ref place;
  };
  static void send_new(Follower& follower, const History& history, MonoTime now);

  Places places_;
  std::list<Follower> followers_;
  bool is_over_ = false;
};

}  // namespace cenote
