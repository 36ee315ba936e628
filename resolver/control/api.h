// The control API: an HTTP site that speaks JSON (docs/control-api.md). Finds the route, checks the token,
// makes repeats harmless, and leaves the answer to the route. Web thread; owned by the daemon.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "resolver/control/backend.h"
#include "resolver/control/hit_stream.h"
#include "resolver/control/idempotency.h"
#include "resolver/control/tokens.h"
#include "resolver/net/http.h"

namespace cenote {

struct ControlCall;
class ListSink;

class ControlApi final : public HttpSite {
 public:
  // `backend` outlives the API.
  explicit ControlApi(ControlBackend& backend, std::function<Now()> clock = now);

  void set_tokens(Tokens tokens) { tokens_ = std::move(tokens); }

  [[nodiscard]] size_t body_limit(const HttpRequest& head) const override;
  [[nodiscard]] std::shared_ptr<HttpBodySink> body_sink(const HttpRequest& head) const override;
  void serve(HttpRequest request, HttpResponder responder) override;

  // To be called several times a second: brings new hits to those who follow.
  void tick();
  void stop() { streams_.finish_all(); }

 private:
  [[nodiscard]] const Token* authenticate(const HttpRequest& request) const;
  [[nodiscard]] bool may_push(const HttpRequest& head) const;
  [[nodiscard]] bool admit(ControlCall& call, Right right) const;
  [[nodiscard]] bool is_first(const std::shared_ptr<ControlCall>& call);

  ControlBackend& backend_;
  std::function<Now()> clock_;
  Tokens tokens_;
  Idempotency idempotency_;
  mutable std::vector<std::weak_ptr<ListSink>> lists_;  // of pushes that are under way
  HitStreams streams_;
};

}  // namespace cenote
