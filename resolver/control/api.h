// The control API: an HTTP site that speaks JSON (docs/control-api.md). Finds the route, checks the token,
// makes repeats harmless, and leaves the answer to the route. Who may do something, and how much may come for
// it, is decided by the request's head alone. Web thread; owned by the daemon.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "resolver/base/counters.h"
#include "resolver/control/backend.h"
#include "resolver/control/hit_stream.h"
#include "resolver/control/idempotency.h"
#include "resolver/control/settings.h"
#include "resolver/control/time_budget.h"
#include "resolver/control/tokens.h"
#include "resolver/control/unsent_answers.h"
#include "resolver/control/upload.h"
#include "resolver/net/http.h"

namespace cenote {

struct ControlCall;

class ControlApi final : public HttpSite {
 public:
  // `backend` outlives the API.
  explicit ControlApi(ControlBackend& backend, std::function<Now()> clock = now);

  void set_tokens(Tokens tokens) { tokens_ = std::move(tokens); }
  void configure(const ControlSettings& settings);  // hosts and uploads

  [[nodiscard]] size_t body_limit(const HttpRequest& head) const noexcept override;
  [[nodiscard]] int over_limit(const HttpRequest& head) const noexcept override;
  [[nodiscard]] std::shared_ptr<HttpBodySink> body_sink(const HttpRequest& head) const noexcept override;
  void serve(HttpRequest request, HttpResponder responder) override;

  // To be called several times a second: brings new hits to those who follow, and ends what came too slowly.
  void tick() noexcept;
  void stop() { streams_.finish_all(); }
  void collect(MetricsPage& page) const;

 private:
  struct Asked;

  [[nodiscard]] Asked examine(const HttpRequest& head) const;
  [[nodiscard]] bool is_own_host(const HttpRequest& head) const;
  [[nodiscard]] std::shared_ptr<HttpBodySink> new_list(const std::string& who) const;
  [[nodiscard]] std::shared_ptr<HttpBodySink> new_text(const std::string& who) const;
  void serve(const std::shared_ptr<ControlCall>& call, std::string& sender);
  void refuse(ControlCall& call, const Asked& asked);
  [[nodiscard]] bool take_place(const std::shared_ptr<ControlCall>& call, const Asked& asked);
  [[nodiscard]] bool is_first(const std::shared_ptr<ControlCall>& call);

  ControlBackend& backend_;
  std::function<Now()> clock_;
  Tokens tokens_;
  std::vector<std::string> hosts_;
  std::shared_ptr<Idempotency> idempotency_ = std::make_shared<Idempotency>();
  const std::shared_ptr<HttpBodySink> unread_ = std::make_shared<UnreadBody>();
  const std::shared_ptr<HttpBodySink> no_room_ = std::make_shared<Upload>();
  mutable Uploads lists_{UploadSettings{}};
  mutable Uploads texts_{UploadSettings{}};
  Places changes_;  // that are under way
  Places reads_;    // that the updater's thread does, such as exports
  TimeBudget budget_;
  HitStreams streams_;
  UnsentAnswers unsent_;
  Counter foreign_hosts_;
  Counter over_budget_;
  Counter without_place_;
};

}  // namespace cenote
