// One request to the control API on its way to an answer, now or later. Shared by whoever will answer it: a
// change is answered from the updater's `done`. Web thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resolver/base/counters.h"
#include "resolver/control/json.h"
#include "resolver/control/places.h"
#include "resolver/control/tokens.h"
#include "resolver/control/unsent_answers.h"
#include "resolver/net/http.h"

namespace cenote {

class ControlApi;
class HitStreams;
class Upload;

struct ControlCall {
  ControlCall(const ControlApi& of_api, ControlBackend& of, HitStreams& hits, UnsentAnswers& answers,
              HttpRequest asked, HttpResponder way_back, Now time)
      : api(of_api),
        backend(of),
        streams(hits),
        unsent(answers),
        request(std::move(asked)),
        responder(std::move(way_back)),
        now(time) {}
  ~ControlCall();
  ControlCall(const ControlCall&) = delete;
  ControlCall& operator=(const ControlCall&) = delete;

  const ControlApi& api;  // all four are there as long as the web loop runs
  ControlBackend& backend;
  HitStreams& streams;
  UnsentAnswers& unsent;
  HttpRequest request;
  HttpResponder responder;
  Now now;
  std::optional<Token> token;                          // nullopt: the local socket, which may do everything
  std::vector<std::string> captures;                   // what the route's {...} stood for
  Places::Ref place;                                   // of a call that waits for others
  std::function<void(const HttpResponse&)> on_answer;  // remembers it for repeats, once; may be empty

  [[nodiscard]] std::string who() const {
    return token ? token->name : request.over_unix_socket ? "local" : "nobody";
  }
  [[nodiscard]] bool may(Right right, std::string_view feed = {}) const {
    return !token || grants(*token, right, feed);
  }

  // The body, where an Upload has it; null: it is in the request.
  [[nodiscard]] const Upload* upload() const;
  [[nodiscard]] std::string_view body() const;

  void answer(HttpResponse response);
  void answer(const Json& body, int status = 200);
  // {"error": {"code": ..., "message": ...}}
  void refuse(int status, std::string_view code, std::string message);
};
using ControlCallRef = std::shared_ptr<ControlCall>;

HttpResponse error_response(int status, std::string_view code, const std::string& message);

// Does a part of a call's work. What it throws, for want of memory above all, refuses this call alone.
void guarded(const ControlCallRef& call, const std::function<void()>& work) noexcept;

// What a route reads of a body.
enum class BodyKind : uint8_t {
  kNone,
  kObject,   // a few texts
  kEntries,  // a change of many entries
  kList,     // a whole feed
};

// One line of the API. The table of them is the whole API; docs/openapi.yaml is held to it by a test.
struct ControlRoute {
  const char* method;
  const char* pattern;  // "/v1/feeds/{feed}/rejects"
  Right right;          // kPush, kRelease: of the feed that the pattern captures
  void (*serve)(const ControlCallRef& call);
  BodyKind body = BodyKind::kNone;
};
const std::vector<ControlRoute>& control_routes();

// Reading (reads.cpp)
void get_health(const ControlCallRef& call);
void get_readiness(const ControlCallRef& call);
void get_metrics(const ControlCallRef& call);
void get_status(const ControlCallRef& call);
void get_feeds(const ControlCallRef& call);
void get_rejects(const ControlCallRef& call);
void get_generations(const ControlCallRef& call);
void get_generation_diff(const ControlCallRef& call);
void get_export(const ControlCallRef& call);
void get_explanation(const ControlCallRef& call);
void get_hits(const ControlCallRef& call);
void get_incident(const ControlCallRef& call);
void get_exceptions(const ControlCallRef& call);
void get_indicators(const ControlCallRef& call);
// Changing (changes.cpp)
void put_feed(const ControlCallRef& call);
void patch_feed(const ControlCallRef& call);
void post_refresh(const ControlCallRef& call);
void post_rollback(const ControlCallRef& call);
void post_exception(const ControlCallRef& call);
void delete_exception(const ControlCallRef& call);
void post_indicator(const ControlCallRef& call);
void delete_indicator(const ControlCallRef& call);
// What waits for a person, and the record of changes (holds.cpp)
void get_held(const ControlCallRef& call);
void post_release(const ControlCallRef& call);
void post_refusal(const ControlCallRef& call);
void post_promotion(const ControlCallRef& call);
void get_audit(const ControlCallRef& call);

// Shared by both: a parameter or a JSON value that is not what it must be is answered with 400 at once, and
// nullopt comes back.
std::optional<Prefix> prefix_or_refuse(const ControlCallRef& call, const std::string& what,
                                       const std::string& text);
std::optional<Name> name_or_refuse(const ControlCallRef& call, const std::string& what,
                                   const std::string& text);
// The canonical text of a name, an address or an address block.
std::optional<std::string> indicator_or_refuse(const ControlCallRef& call, const std::string& what,
                                               const std::string& text);
bool is_known_feed(const ControlCallRef& call, const std::string& feed);    // else answered with 404
bool is_known_group(const ControlCallRef& call, const std::string& group);  // the same

}  // namespace cenote
