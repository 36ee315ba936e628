// The block page's site: whatever is asked of a blocked host, over HTTP or HTTPS, gets its explanation here.
// Its source is the table of contents of a page's way. Web thread.
#pragma once

#include <functional>

#include "blockpage/incident.h"
#include "blockpage/page.h"
#include "blockpage/settings.h"
#include "resolver/base/counters.h"
#include "resolver/net/http.h"

namespace cenote {

class BlockSite final : public HttpSite {
 public:
  using OnShown = std::function<void(const Event&)>;

  // `shown` hears of each page that a person was given to see. `clock` is for tests.
  BlockSite(const BlockpageSettings& settings, Page page, IncidentSource& incidents, OnShown shown,
            Now (*clock)() = &now);

  [[nodiscard]] size_t body_limit(const HttpRequest& head) const override;
  [[nodiscard]] std::shared_ptr<HttpBodySink> body_sink(const HttpRequest& head) const override;
  void serve(HttpRequest request, HttpResponder responder) override;

  [[nodiscard]] uint64_t pages() const noexcept { return pages_.value(); }
  [[nodiscard]] uint64_t small_answers() const noexcept { return small_answers_.value(); }
  [[nodiscard]] uint64_t not_blocked() const noexcept { return not_blocked_.value(); }

 private:
  [[nodiscard]] size_t language_of(const HttpRequest& request) const;
  HttpResponse explain(const HttpRequest& request, const Incident& incident, Now time);

  BlockpageSettings settings_;
  Page page_;
  IncidentSource& incidents_;
  OnShown shown_;
  Now (*clock_)();
  const std::shared_ptr<HttpBodySink> discarded_;  // shared by all requests: it keeps nothing
  Counter pages_;
  Counter small_answers_;
  Counter not_blocked_;
};

}  // namespace cenote
