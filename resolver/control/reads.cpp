// The API's answers that change nothing.
#include <algorithm>
#include <unordered_map>

#include "resolver/base/text.h"
#include "resolver/control/api.h"
#include "resolver/control/call.h"
#include "resolver/control/hit_stream.h"
#include "resolver/dns/types.h"

namespace cenote {
namespace {

template <typename T>
Json list_under(const char* key, const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) {
    list.push_back(to_json(value));
  }
  return {{key, std::move(list)}};
}

// What a list goes on behind: the same whatever was added or removed meanwhile. The configuration may have
// the same exception twice.
std::string place_of(const SingleIndicator& single) {
  return fmt::format("{} {} {}", single.feed, single.name, single.exact ? "exact" : "suffix");
}
std::string place_of(const ExceptionRecord& record) {
  const ExceptionSettings& exception = record.exception;
  return fmt::format("{} {} {} {}", exception.name, exception.exact ? "exact" : "suffix", exception.client,
                     record.who);
}

// One page of what may be thousands of values, in the order of their places; "next" is null on the last.
template <typename T>
void answer_page(const ControlCallRef& call, const char* key, const std::vector<T>& values) {
  constexpr uint64_t kMostOfPage = 10'000;
  constexpr uint64_t kUsualPage = 1'000;  // some 500 KiB, written in a few milliseconds
  const auto limit =
      parse_number(call->request.parameter("limit").value_or(std::to_string(kUsualPage)), kMostOfPage);
  if (!limit || *limit == 0) {
    call->refuse(400, "bad_request", fmt::format("limit: a number from 1 to {}", kMostOfPage));
    return;
  }
  const std::string after = call->request.parameter("after").value_or("");
  std::vector<std::pair<std::string, const T*>> places;
  std::unordered_map<std::string, size_t> seen;
  for (const T& value : values) {
    std::string place = place_of(value);
    if (const size_t before = seen[place]++; before != 0) {
      place += fmt::format(" {:06}", before);
    }
    if (after.empty() || place > after) {
      places.emplace_back(std::move(place), &value);
    }
  }
  std::sort(places.begin(), places.end());
  Json list = Json::array();
  for (size_t i = 0; i < places.size() && i < *limit; ++i) {
    list.push_back(to_json(*places[i].second));
  }
  Json body{{"next", places.size() > *limit ? Json(places[*limit - 1].first) : Json(nullptr)}};
  body[key] = std::move(list);
  call->answer(body);
}

// "1h" (ago) or a point in time.
std::optional<WallTime> parse_since(const std::string& text, WallTime now) {
  milliseconds ago{};
  if (parse_duration(text, ago)) {
    return now - ago;
  }
  WallTime time;
  return parse_wall_time(text, time) ? std::optional(time) : std::nullopt;
}

// nullopt: a parameter was wrong, and that was answered.
std::optional<HitQuery> read_hit_query(const ControlCallRef& call) {
  constexpr size_t kMostHits = 10'000;
  HitQuery query;
  if (const auto client = call->request.parameter("client")) {
    query.client = prefix_or_refuse(call, "client", *client);
    if (!query.client) {
      return std::nullopt;
    }
  }
  if (const auto client = call->request.parameter("client_name")) {
    if (!is_client_pattern(*client)) {
      call->refuse(400, "bad_request", fmt::format("client_name: '{}' is none", printable(*client, 80)));
      return std::nullopt;
    }
    query.client_name = *client;
  }
  if (const auto name = call->request.parameter("name")) {
    query.name = name_or_refuse(call, "name", *name);
    if (!query.name) {
      return std::nullopt;
    }
  }
  if (const auto since = call->request.parameter("since")) {
    query.since = parse_since(*since, call->now.wall);
    if (!query.since) {
      call->refuse(400, "bad_request",
                   "since: neither a duration such as 1h nor a time such as 2027-03-31T12:00:00Z");
      return std::nullopt;
    }
  }
  if (const auto limit = call->request.parameter("limit")) {
    query.limit = parse_number(*limit, kMostHits).value_or(0);
    if (query.limit == 0) {
      call->refuse(400, "bad_request", fmt::format("limit: a number from 1 to {}", kMostHits));
      return std::nullopt;
    }
  }
  if (const auto after = call->request.parameter("after")) {
    query.after = parse_number(*after).value_or(0);
  }
  return query;
}

// A name or an address into the question; false: neither, and that was answered.
bool read_asked(const ControlCallRef& call, const std::string& text, ExplainQuestion& question) {
  question.address = IpAddress::from_text(text);
  if (question.address) {
    return true;
  }
  const auto name = name_or_refuse(call, "name", text);
  question.name = name.value_or(Name{});
  return name.has_value();
}

void follow_hits(const ControlCallRef& call, const HitQuery& query) {
  if (call->request.method == "HEAD") {  // there is nothing to follow without a body
    call->answer(HttpResponse{200, HitStreams::headers(call->request), ""});
  } else if (!call->streams.start(call->request, call->responder, query, call->backend.history(),
                                  {call->token, call->now.mono})) {
    call->refuse(503, "too_many_followers", "too many follow the hits already, or too many with this token");
  }
}

}  // namespace

void get_health(const ControlCallRef& call) {
  const bool ready = call->backend.is_ready();
  call->answer(HttpResponse::text(ready ? 200 : 503, ready ? "ok\n" : "not ready\n"));
}

void get_metrics(const ControlCallRef& call) {
  MetricsPage page;
  call->backend.collect(page);
  call->api.collect(page);
  call->answer(HttpResponse{200, {{"content-type", MetricsPage::kContentType}}, page.text()});
}

void get_status(const ControlCallRef& call) {
  Json status = to_json(call->backend.status(), call->now.wall);
  status["feeds"] = list_under("feeds", call->backend.feeds())["feeds"];
  call->answer(status);
}

void get_feeds(const ControlCallRef& call) {
  call->answer(list_under("feeds", call->backend.feeds()));
}

void get_rejects(const ControlCallRef& call) {
  const std::string& feed = call->captures[0];
  if (is_known_feed(call, feed)) {
    call->answer(list_under("rejects", call->backend.rejects(feed)));
  }
}

void get_generations(const ControlCallRef& call) {
  call->answer(list_under("generations", call->backend.generations()));
}

void get_generation_diff(const ControlCallRef& call) {
  const auto from = parse_number(call->captures[0]);
  const auto to = parse_number(call->captures[1]);
  if (!from || !to) {
    call->refuse(400, "bad_request", "a generation is a number");
    return;
  }
  call->backend.diff(*from, *to, [call](const Result<GenerationDiff>& diff) {
    guarded(call, [&] {
      if (!diff) {
        call->refuse(404, "unknown_generation", diff.error().message);
        return;
      }
      Json body{{"from", diff->from}, {"to", diff->to}};
      body["feeds"] = list_under("feeds", diff->feeds)["feeds"];
      call->answer(body);
    });
  });
}

void get_export(const ControlCallRef& call) {
  ExportRequest request;
  request.format = call->request.parameter("format").value_or("plain");
  request.feed = call->request.parameter("feed").value_or("");
  request.category = call->request.parameter("category").value_or("");
  if (!request.feed.empty() && !is_known_feed(call, request.feed)) {
    return;
  }
  call->backend.export_set(std::move(request), [call](Result<std::string> text) {
    guarded(call, [&] {
      if (!text) {
        call->refuse(400, "bad_request", text.error().message);
        return;
      }
      call->answer(HttpResponse::text(200, std::move(*text)));
    });
  });
}

void get_explanation(const ControlCallRef& call) {
  ExplainQuestion question;
  question.time = call->now.wall;
  if (!read_asked(call, call->request.parameter("name").value_or(""), question)) {
    return;
  }
  if (const auto type = call->request.parameter("type")) {
    question.type = parse_type(*type);
    if (question.type == 0) {
      call->refuse(400, "bad_request", fmt::format("type: '{}' is no record type", printable(*type, 30)));
      return;
    }
  }
  if (const auto text = call->request.parameter("client")) {
    const auto client = IpAddress::from_text(*text);
    if (!client) {
      call->refuse(400, "bad_request", fmt::format("client: '{}' is no address", printable(*text, 60)));
      return;
    }
    question.client = *client;
  }
  if (const auto text = call->request.parameter("client_name")) {
    if (!is_client_name(*text)) {
      call->refuse(400, "bad_request", fmt::format("client_name: '{}' is none", printable(*text, 80)));
      return;
    }
    question.client_name = *text;
  }
  question.has_certificate = call->request.parameter("by_certificate").value_or("0") != "0";
  call->answer(to_json(call->backend.explain(question)));
}

void get_hits(const ControlCallRef& call) {
  auto query = read_hit_query(call);
  if (!query) {
    return;
  }
  if (call->request.parameter("follow").value_or("0") != "0") {
    follow_hits(call, *query);
    return;
  }
  // The lines are JSON already; parsing them only to write them again would double the work.
  std::string body = "{\"hits\":[";
  for (const NumberedEvent& hit : call->backend.history().find(*query)) {
    body += (body.back() == '[' ? "" : ",\n") + hit_line(hit);
  }
  body += fmt::format("],\"last\":{}}}\n", call->backend.history().last_number());
  call->answer(HttpResponse::json(200, std::move(body)));
}

void get_incident(const ControlCallRef& call) {
  const auto id = IncidentId::from_text(call->captures[0]);
  if (!id) {
    call->refuse(400, "bad_request", "an incident id has ten letters and digits, such as 7K4QW-9XM2D");
    return;
  }
  const auto found = call->backend.history().find_incident(*id);
  if (!found) {
    call->refuse(
        404, "unknown_incident",
        fmt::format("incident {} is not in memory; older ones are in the event file", id->to_text().view()));
    return;
  }
  call->answer(to_json(*found));
}

void get_exceptions(const ControlCallRef& call) {
  answer_page(call, "exceptions", call->backend.exceptions());
}

// Without a name: what people added by hand. With one: every entry that covers it, whichever feed has it.
void get_indicators(const ControlCallRef& call) {
  const auto text = call->request.parameter("name");
  if (!text) {
    answer_page(call, "indicators", call->backend.indicators());
    return;
  }
  ExplainQuestion question;
  question.time = call->now.wall;
  if (read_asked(call, *text, question)) {
    call->answer(list_under("entries", call->backend.explain(question).steps));
  }
}

}  // namespace cenote
