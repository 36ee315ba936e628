#include "resolver/control/call.h"

#include <algorithm>
#include <new>
#include <utility>

#include "resolver/base/log.h"
#include "resolver/base/text.h"
#include "resolver/control/upload.h"

namespace cenote {
namespace {

// Whether the configuration has such a thing of that name; else answered with 404.
bool is_one_of(const ControlCallRef& call, std::string_view thing, const std::string& name,
               const std::vector<std::string_view>& names) {
  const bool known = std::find(names.begin(), names.end(), name) != names.end();
  if (!known) {
    const std::string_view meant = name.size() < 100 ? nearest(name, names) : std::string_view{};
    call->refuse(404, fmt::format("unknown_{}", thing),
                 fmt::format("there is no {} '{}' in the configuration{}", thing, printable(name, 62),
                             meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant)));
  }
  return known;
}

}  // namespace

// Whoever waits for the answer of a call that went without one must not wait for ever.
ControlCall::~ControlCall() {
  if (on_answer) {
    try {
      std::exchange(on_answer, nullptr)(error_response(500, "failed", "the request was given up"));
    } catch (const std::exception& thrown) {
      log::error("control: a call without an answer: {}", thrown.what());
    }
  }
}

const Upload* ControlCall::upload() const {
  return dynamic_cast<const Upload*>(request.body_sink.get());
}

std::string_view ControlCall::body() const {
  return upload() != nullptr ? std::string_view(upload()->text()) : std::string_view(request.body);
}

void ControlCall::answer(HttpResponse response) {
  if (!unsent.has_room(who(), response.body.size())) {
    response = error_response(503, "busy", "this sender has not yet read what it was given before");
  }
  response.headers.emplace_back("cache-control", "no-store");
  response.headers.emplace_back("x-content-type-options", "nosniff");
  // An answer may bring the connection's next request: what this one held is free for it.
  place.reset();
  request.body_sink.reset();
  if (on_answer) {
    std::exchange(on_answer, nullptr)(response);
  }
  responder.respond(std::move(response));
  unsent.add(who(), responder);
}

void ControlCall::answer(const Json& body, int status) {
  answer(HttpResponse::json(status, to_text(body) + "\n"));
}

void ControlCall::refuse(int status, std::string_view code, std::string message) {
  answer(error_response(status, code, message));
}

HttpResponse error_response(int status, std::string_view code, const std::string& message) {
  return HttpResponse::json(status, to_text(Json{{"error", {{"code", code}, {"message", message}}}}) + "\n");
}

void guarded(const ControlCallRef& call, const std::function<void()>& work) noexcept {
  const auto refuse = [&](int status, const char* code, const char* why) {
    try {
      log::error("control: {} {} of {} failed: {}", call->request.method, printable(call->request.path, 100),
                 printable(call->who(), 62), why);
      call->refuse(status, code,
                   status == 503 ? "there is not enough memory for this now" : "the request failed");
    } catch (const std::exception&) {  // then the connection answers with what it has ready
    }
  };
  try {
    work();
  } catch (const std::bad_alloc& thrown) {
    refuse(503, "no_memory", thrown.what());
  } catch (const std::exception& thrown) {
    refuse(500, "failed", thrown.what());
  }
}

const std::vector<ControlRoute>& control_routes() {
  static const std::vector<ControlRoute> kRoutes{
      {"GET", "/healthz", Right::kNone, get_health},
      {"GET", "/readyz", Right::kNone, get_readiness},
      {"GET", "/metrics", Right::kNone, get_metrics},
      {"GET", "/v1/status", Right::kRead, get_status},
      {"GET", "/v1/feeds", Right::kRead, get_feeds},
      {"PUT", "/v1/feeds/{feed}", Right::kPush, put_feed, BodyKind::kList},
      {"PATCH", "/v1/feeds/{feed}", Right::kPush, patch_feed, BodyKind::kEntries},
      {"GET", "/v1/feeds/{feed}/rejects", Right::kRead, get_rejects},
      {"POST", "/v1/feeds/{feed}/refresh", Right::kPush, post_refresh},
      {"POST", "/v1/feeds/{feed}/release", Right::kRelease, post_release, BodyKind::kEntries},
      {"POST", "/v1/feeds/{feed}/refuse", Right::kRelease, post_refusal, BodyKind::kEntries},
      {"POST", "/v1/feeds/{feed}/promote", Right::kOperate, post_promotion},
      {"GET", "/v1/held", Right::kRead, get_held},
      {"GET", "/v1/audit", Right::kRead, get_audit},
      {"GET", "/v1/generations", Right::kRead, get_generations},
      {"GET", "/v1/generations/{generation}/diff/{other}", Right::kRead, get_generation_diff},
      {"GET", "/v1/export", Right::kRead, get_export},
      {"POST", "/v1/generations/{generation}/rollback", Right::kOperate, post_rollback},
      {"GET", "/v1/explain", Right::kRead, get_explanation},
      {"GET", "/v1/hits", Right::kRead, get_hits},
      {"GET", "/v1/incidents/{incident}", Right::kRead, get_incident},
      {"GET", "/v1/exceptions", Right::kRead, get_exceptions},
      {"POST", "/v1/exceptions", Right::kOperate, post_exception, BodyKind::kObject},
      {"DELETE", "/v1/exceptions/{name}", Right::kOperate, delete_exception},
      {"GET", "/v1/indicators", Right::kRead, get_indicators},
      {"POST", "/v1/indicators", Right::kPushSome, post_indicator, BodyKind::kObject},
      {"DELETE", "/v1/indicators/{name}", Right::kPushSome, delete_indicator},
  };
  return kRoutes;
}

std::optional<Prefix> prefix_or_refuse(const ControlCallRef& call, const std::string& what,
                                       const std::string& text) {
  const auto prefix = Prefix::from_text(text);
  if (!prefix) {
    call->refuse(
        400, "bad_request",
        fmt::format("{}: '{}' is neither an address nor an address block", what, printable(text, 60)));
  }
  return prefix;
}

std::optional<Name> name_or_refuse(const ControlCallRef& call, const std::string& what,
                                   const std::string& text) {
  const auto name = Name::from_text(text);
  if (!name) {
    call->refuse(400, "bad_request", fmt::format("{}: '{}' is no domain name", what, printable(text, 60)));
  }
  return name;
}

std::optional<std::string> indicator_or_refuse(const ControlCallRef& call, const std::string& what,
                                               const std::string& text) {
  if (const auto prefix = Prefix::from_text(text)) {
    return prefix->to_text();
  }
  if (const auto name = Name::from_text(text); name && text.find('/') == std::string::npos) {
    return name->to_text();
  }
  call->refuse(400, "bad_request",
               fmt::format("{}: '{}' is neither a name nor an address or block", what, printable(text, 60)));
  return std::nullopt;
}

bool is_known_feed(const ControlCallRef& call, const std::string& feed) {
  const auto feeds = call->backend.feeds();
  std::vector<std::string_view> names;
  for (const FeedStatus& one : feeds) {
    names.push_back(one.name);
  }
  return is_one_of(call, "feed", feed, names);
}

bool is_known_group(const ControlCallRef& call, const std::string& group) {
  const auto groups = call->backend.groups();
  return is_one_of(call, "group", group, {groups.begin(), groups.end()});
}

}  // namespace cenote
