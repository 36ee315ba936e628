#include "resolver/control/api.h"

#include <algorithm>

#include "resolver/base/log.h"
#include "resolver/base/text.h"
#include "resolver/control/call.h"
#include "resolver/control/json_body.h"
#include "resolver/net/digest.h"

namespace cenote {
namespace {

constexpr size_t kMostFeedBytes = 256U << 20;  // ten million names; more comes compressed
// Five texts of at most 500 bytes, each of which may be written as six.
constexpr size_t kMostObjectBytes = 16U << 10;
// Of what nobody reads: a small body is let in, so that its sender hears what is wrong with the request.
constexpr size_t kMostUnreadBytes = 4U << 10;
// What a change may bring without a place: the usual ones never meet a bound.
constexpr size_t kMostPlacelessBytes = 64U << 10;
constexpr size_t kMostChanges =
    1000;  // under way at once: a few kilobytes each, and the updater does one at a time
constexpr size_t kMostReads = 8;  // an export of ten million names has 250 MB

size_t most_bytes(BodyKind kind) {
  switch (kind) {
    case BodyKind::kNone:
      return kMostUnreadBytes;
    case BodyKind::kObject:
      return kMostObjectBytes;
    case BodyKind::kEntries:
      return kMostBodyBytes;
    case BodyKind::kList:
      return kMostFeedBytes;
  }
  return 0;
}

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
  return right == Right::kRead       ? "read"
         : right == Right::kPushSome ? "push for a feed"
         : right == Right::kPush     ? "push for this feed"
         : right == Right::kRelease  ? "release for this feed"
                                     : "operate";
}

// A name that ends in a dot is the same name.
std::string_view without_dot(std::string_view host) {
  return host.substr(0, host.size() - (host.ends_with('.') ? 1 : 0));
}

// What tells two bodies apart.
std::string body_id(const ControlCall& call) {
  const Upload* upload = call.upload();
  return upload != nullptr && upload->list() ? upload->list()->id() : sha256_hex(call.body());
}

bool is_change(const HttpRequest& request) {
  return request.method != "GET" && request.method != "HEAD";
}

}  // namespace

// What a request's head says: which route, by whom, and whether it may.
struct ControlApi::Asked {
  Found found;
  const Token* token = nullptr;
  int refused = 0;  // the status; 0: it may

  [[nodiscard]] std::string who() const { return token != nullptr ? token->name : "local"; }
  [[nodiscard]] BodyKind body() const { return refused == 0 ? found.route->body : BodyKind::kNone; }
};

ControlApi::ControlApi(ControlBackend& backend, std::function<Now()> clock)
    : backend_(backend), clock_(std::move(clock)), changes_(kMostChanges), reads_(kMostReads) {}

void ControlApi::configure(const ControlSettings& settings) {
  hosts_ = settings.hosts;
  lists_.configure(settings.uploads);
  texts_.configure(settings.uploads);
}

ControlApi::Asked ControlApi::examine(const HttpRequest& head) const {
  Asked asked;
  asked.found = find_route(head);
  if (asked.found.route == nullptr) {
    asked.refused = asked.found.allowed.empty() ? 404 : 405;
    return asked;
  }
  if (head.over_unix_socket) {
    return asked;  // the socket's file mode has said who it is
  }
  asked.token = tokens_.find(head.header("authorization"), clock_().wall);
  const Right right = asked.found.route->right;
  if (right == Right::kNone) {
    asked.refused = asked.token != nullptr || is_own_host(head) ? 0 : 421;
    return asked;
  }
  const std::string_view feed = asked.found.captures.empty() ? "" : std::string_view(asked.found.captures[0]);
  asked.refused = asked.token == nullptr ? 401 : grants(*asked.token, right, feed) ? 0 : 403;
  return asked;
}

// A page in a browser of this machine, or of its network, may have its own name resolve to our address (DNS
// rebinding), and would read what needs no token. Its Host is that name, which neither an address nor a name
// of ours is. Over TLS the browser has compared the name with our certificate, and a request without Host is
// no browser's.
bool ControlApi::is_own_host(const HttpRequest& head) const {
  const std::string_view host = without_dot(head.host);
  return head.over_tls || host.empty() || host == "localhost" || IpAddress::from_text(host) ||
         std::find(hosts_.begin(), hosts_.end(), host) != hosts_.end();
}

// The HTTP server asks from inside a C library, which no exception may cross.
size_t ControlApi::body_limit(const HttpRequest& head) const noexcept {
  try {
    return most_bytes(examine(head).body());
  } catch (const std::exception& thrown) {
    log::error("control: {}", thrown.what());
    return 0;
  }
}

int ControlApi::over_limit(const HttpRequest& head) const noexcept {
  try {
    const int refused = examine(head).refused;
    return refused == 401 || refused == 403 ? refused : 413;
  } catch (const std::exception& thrown) {
    log::error("control: {}", thrown.what());
    return 503;
  }
}

std::shared_ptr<HttpBodySink> ControlApi::body_sink(const HttpRequest& head) const noexcept {
  try {
    const Asked asked = examine(head);
    switch (asked.body()) {
      case BodyKind::kNone:
        return unread_;
      case BodyKind::kObject:
        return nullptr;
      case BodyKind::kEntries: {
        const auto promised = parse_number(head.header("content-length"));
        return promised && *promised <= kMostPlacelessBytes ? nullptr : new_text(asked.who());
      }
      case BodyKind::kList:
        return new_list(asked.who());
    }
  } catch (const std::exception& thrown) {
    log::error("control: {}", thrown.what());
  }
  return no_room_;
}

std::shared_ptr<HttpBodySink> ControlApi::new_list(const std::string& who) const {
  const MonoTime now = clock_().mono;
  Places::Ref place = lists_.take_place(who, now);
  if (place == nullptr) {
    return no_room_;
  }
  auto list = backend_.new_list();
  if (!list) {
    log::error("no list can be taken in: {}", list.error().message);
    return no_room_;
  }
  auto upload = std::make_shared<Upload>(std::move(place), std::move(*list), now);
  lists_.add(upload);
  return upload;
}

std::shared_ptr<HttpBodySink> ControlApi::new_text(const std::string& who) const {
  const MonoTime now = clock_().mono;
  Places::Ref place = texts_.take_place(who, now);
  if (place == nullptr) {
    return no_room_;
  }
  auto upload = std::make_shared<Upload>(std::move(place), nullptr, now);
  texts_.add(upload);
  return upload;
}

void ControlApi::serve(HttpRequest request, HttpResponder responder) {
  try {
    if (auto* upload = dynamic_cast<Upload*>(request.body_sink.get())) {
      upload->complete();
    }
    const auto call = std::make_shared<ControlCall>(*this, backend_, streams_, unsent_, std::move(request),
                                                    std::move(responder), clock_());
    std::string sender;  // empty: over the socket
    guarded(call, [&] { serve(call, sender); });
    budget_.spend(sender, clock_().mono - call->now.mono);
  } catch (const std::exception& thrown) {  // the connection says that it failed
    log::error("control: {}", thrown.what());
  }
}

void ControlApi::serve(const ControlCallRef& call, std::string& sender) {
  Asked asked = examine(call->request);
  call->captures = asked.found.captures;
  if (asked.token != nullptr) {
    call->token = *asked.token;
  }
  if (!call->request.over_unix_socket) {
    // Who shows no good token is known by its host; no token's name begins like that.
    const IpAddress client = call->request.client.address();
    sender = asked.token != nullptr ? asked.token->name : "\n" + std::string(as_text(client.host_bytes()));
    if (!budget_.has_left(sender, call->now.mono)) {
      over_budget_.add();
      HttpResponse response =
          error_response(429, "too_much", "this sender asks for more than its share; ask again later");
      response.headers.emplace_back("retry-after", "1");
      call->answer(std::move(response));
      return;
    }
  }
  if (asked.refused != 0) {
    refuse(*call, asked);
  } else if (take_place(call, asked) && is_first(call)) {
    asked.found.route->serve(call);
  }
}

void ControlApi::refuse(ControlCall& call, const Asked& asked) {
  switch (asked.refused) {
    case 404:
      call.refuse(404, "unknown_path", "the API has no such path; see docs/control-api.md");
      return;
    case 405: {
      HttpResponse response = error_response(405, "wrong_method", "this path knows " + asked.found.allowed);
      response.headers.emplace_back("allow", asked.found.allowed);
      call.answer(std::move(response));
      return;
    }
    case 401: {
      HttpResponse response =
          error_response(401, "unauthorized", "no token, an unknown one, or one that has expired");
      response.headers.emplace_back("www-authenticate", "Bearer realm=\"cenote\"");
      call.answer(std::move(response));
      return;
    }
    case 421:
      foreign_hosts_.add();
      call.refuse(
          421, "unknown_host",
          fmt::format("'{}' is neither an address nor in control.hosts", printable(call.request.host, 100)));
      return;
    default:
      call.refuse(403, "forbidden",
                  fmt::format("this token lacks the scope: {}", scope_words(asked.found.route->right)));
  }
}

// What waits for the updater is bounded, and nobody may fill it alone.
bool ControlApi::take_place(const ControlCallRef& call, const Asked& asked) {
  const bool is_read =
      asked.found.route->serve == get_export || asked.found.route->serve == get_generation_diff;
  if (!is_read && !is_change(call->request)) {
    return true;
  }
  call->place = (is_read ? reads_ : changes_).take(call->who());
  if (call->place == nullptr) {
    without_place_.add();
    call->refuse(503, "busy", "too much of this sender's is under way; ask again later");
  }
  return call->place != nullptr;
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
      sha256_hex(fmt::format("{}\n{}\n{}\n{}", asked.method, asked.path, asked.query, body_id(*call)));
  switch (idempotency_->begin(whole_key, fingerprint, call->responder, call->now.mono)) {
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
  // The call may outlive the API.
  call->on_answer = [memory = std::weak_ptr(idempotency_), whole_key](const HttpResponse& response) {
    if (const auto kept = memory.lock()) {
      kept->finish(whole_key, response);
    }
  };
  return true;
}

void ControlApi::tick() noexcept {
  try {
    const Now time = clock_();
    lists_.end_slow(time.mono);
    texts_.end_slow(time.mono);
    streams_.tick(backend_.history(), time.mono,
                  [&](const Token& token) { return tokens_.still_grant(token, Right::kRead, time.wall); });
  } catch (const std::exception& thrown) {
    log::error("control: {}", thrown.what());
  }
}

void ControlApi::collect(MetricsPage& page) const {
  const auto count = [&page](const char* name, const char* help, uint64_t value) {
    page.counter(name, help, static_cast<double>(value));
  };
  count("cenote_control_bodies_ended_total",
        "Bodies for the control API that came too slowly, or had to make room for another sender's.",
        lists_.ended() + texts_.ended());
  count("cenote_control_without_place_total",
        "Requests to the control API that were refused because too much of their sender's was under way.",
        lists_.refused() + texts_.refused() + without_place_.value());
  count("cenote_control_over_budget_total",
        "Requests to the control API whose sender had used up its share of the time.", over_budget_.value());
  count("cenote_control_foreign_hosts_total", "Requests without a token under a host name that is not ours.",
        foreign_hosts_.value());
}

}  // namespace cenote
