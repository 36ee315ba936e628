#include "resolver/control/api.h"

#include "resolver/base/text.h"
#include "resolver/control/call.h"
#include "resolver/control/list_sink.h"
#include "resolver/net/digest.h"

namespace cenote {
namespace {

constexpr size_t kMostFeedBytes = 256U << 20;    // ten million names; more comes compressed
constexpr size_t kMostJsonBytes = 16U << 20;     // a patch of some hundred thousand lines
constexpr size_t kMostUnknownBytes = 64U << 10;  // from who may not: just enough to be told so
constexpr size_t kMostPushes = 16;               // at once; each may fill kMostFeedBytes of the disk

// Whether `path` is the pattern's, and what its {...} stand for. A {name} at the end takes all that is left:
// an address block holds a slash, which was decoded before the path came here.
bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& captures) {
  captures.clear();
  while (true) {
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    const bool is_last = wanted.size() == pattern.size();
    const std::string_view given = is_last && wanted == "{name}" ? path : path.substr(0, path.find('/'));
    if (wanted.starts_with('{')) {
      if (given.empty()) {
        return false;
      }
      captures.emplace_back(given);
    } else if (wanted != given) {
      return false;
    }
    if (is_last || given.size() == path.size()) {
      return is_last && given.size() == path.size();
    }
    pattern.remove_prefix(wanted.size() + 1);
    path.remove_prefix(given.size() + 1);
  }
}

struct Found {
  const ControlRoute* route = nullptr;
  std::vector<std::string> captures;
  std::string allowed;  // the methods that the path knows; empty: an unknown path
};

Found find_route(const HttpRequest& request) {
  Found found;
  // HEAD is GET without the body, which the server leaves out (RFC 9110 section 9.3.2).
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  std::vector<std::string> captures;
  for (const ControlRoute& route : control_routes()) {
    if (!matches(route.pattern, request.path, captures)) {
      continue;
    }
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(route.method);
    if (method == route.method) {
      found.route = &route;
      found.captures = captures;
    }
  }
  return found;
}

std::string_view scope_words(Right right) {
  return right == Right::kRead      ? "read"
         : right == Right::kPush    ? "push for this feed"
         : right == Right::kRelease ? "release for this feed"
                                    : "operate";
}

// What tells two bodies apart.
std::string body_id(const HttpRequest& request) {
  const auto* sink = static_cast<const ListSink*>(request.body_sink.get());
  return sink != nullptr && sink->list() ? sink->list()->id() : sha256_hex(request.body);
}

bool is_change(const HttpRequest& request) {
  return request.method != "GET" && request.method != "HEAD";
}

}  // namespace

ControlApi::ControlApi(ControlBackend& backend, std::function<Now()> clock)
    : backend_(backend), clock_(std::move(clock)) {}

const Token* ControlApi::authenticate(const HttpRequest& request) const {
  return tokens_.find(request.header("authorization"), clock_().wall);
}

// Asked with the head alone: whether a list may come, as large as lists are.
bool ControlApi::may_push(const HttpRequest& head) const {
  const Found found = find_route(head);
  if (found.route == nullptr || found.route->serve != put_feed) {
    return false;
  }
  const Token* token = authenticate(head);
  return head.over_unix_socket || (token != nullptr && grants(*token, Right::kPush, found.captures[0]));
}

size_t ControlApi::body_limit(const HttpRequest& head) const {
  if (head.method == "PUT") {
    return may_push(head) ? kMostFeedBytes : kMostUnknownBytes;
  }
  return head.over_unix_socket || authenticate(head) != nullptr ? kMostJsonBytes : kMostUnknownBytes;
}

std::shared_ptr<HttpBodySink> ControlApi::body_sink(const HttpRequest& head) const {
  if (head.method != "PUT" || !may_push(head)) {
    return nullptr;
  }
  std::erase_if(lists_, [](const auto& list) { return list.expired(); });
  auto list =
      lists_.size() < kMostPushes ? backend_.new_list() : fail("{} lists come at once", lists_.size());
  if (!list) {
    log::error("no list can be taken in: {}", list.error().message);
  }
  auto sink = std::make_shared<ListSink>(list ? *list : nullptr);
  lists_.push_back(sink);
  return sink;
}

void ControlApi::serve(HttpRequest request, HttpResponder responder) {
  Found found = find_route(request);
  const auto call = std::make_shared<ControlCall>(ControlCall{backend_,
                                                              streams_,
                                                              std::move(request),
                                                              std::move(responder),
                                                              clock_(),
                                                              {},
                                                              std::move(found.captures),
                                                              {}});
  if (found.allowed.empty()) {
    call->refuse(404, "unknown_path", "the API has no such path; see docs/control-api.md");
    return;
  }
  if (found.route == nullptr) {
    HttpResponse response = error_response(405, "wrong_method", "this path knows " + found.allowed);
    response.headers.emplace_back("allow", found.allowed);
    call->answer(std::move(response));
    return;
  }
  if (admit(*call, found.route->right) && is_first(call)) {
    found.route->serve(call);
  }
}

// Over the network a token says who it is and what it may do; the socket's file mode has said so already.
bool ControlApi::admit(ControlCall& call, Right right) const {
  if (right == Right::kNone || call.request.over_unix_socket) {
    return true;
  }
  const Token* token = authenticate(call.request);
  if (token == nullptr) {
    HttpResponse response =
        error_response(401, "unauthorized", "no token, an unknown one, or one that has expired");
    response.headers.emplace_back("www-authenticate", "Bearer realm=\"cenote\"");
    call.answer(std::move(response));
    return false;
  }
  call.token = *token;
  if (!call.may(right, call.captures.empty() ? "" : call.captures[0])) {
    call.refuse(403, "forbidden", fmt::format("this token lacks the scope: {}", scope_words(right)));
    return false;
  }
  return true;
}

// False: a repeat, which has been or will be answered like the first.
bool ControlApi::is_first(const ControlCallRef& call) {
  const HttpRequest& asked = call->request;
  const std::string key(asked.header("idempotency-key"));
  if (key.empty() || !is_change(asked)) {
    return true;
  }
  if (key.size() > 200) {
    call->refuse(400, "bad_request", "Idempotency-Key: at most 200 bytes");
    return false;
  }
  const std::string whole_key = call->who() + '\0' + key;
  const std::string fingerprint =
      sha256_hex(fmt::format("{}\n{}\n{}\n{}", asked.method, asked.path, asked.query, body_id(asked)));
  switch (idempotency_.begin(whole_key, fingerprint, call->responder, call->now.mono)) {
    case Idempotency::Outcome::kAnswered:
      return false;
    case Idempotency::Outcome::kMismatch:
      call->refuse(422, "idempotency_mismatch", "this Idempotency-Key was used for another request");
      return false;
    case Idempotency::Outcome::kFull:
      call->refuse(503, "busy", "too many changes are under way");
      return false;
    case Idempotency::Outcome::kFirst:
      break;
  }
  call->on_answer = [this, whole_key](const HttpResponse& response) {
    idempotency_.finish(whole_key, response);
  };
  return true;
}

void ControlApi::tick() {
  streams_.tick(backend_.history(), clock_().mono);
}

}  // namespace cenote
