#include "resolver/control/api.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <catch2/catch.hpp>
#include <yaml-cpp/yaml.h>

#include "resolver/cli/api_client.h"
#include "resolver/control/call.h"
#include "resolver/net/digest.h"
#include "tests/resolver/control/fake_backend.h"

namespace cenote::api_test {
namespace {

const WallTime kNoon = WallTime(seconds{1'795'348'800});  // 2026-11-22T12:00:00Z

FeedStatus feed(const std::string& name) {
  FeedStatus status;
  status.name = name;
  status.entries = 3;
  return status;
}

GenerationRecord generation(uint64_t number) {
  GenerationRecord record;
  record.number = number;
  record.made = kNoon;
  record.what = "push c2-intel";
  return record;
}

struct Fixture {
  FakeBackend backend;
  Now time{MonoTime(seconds{1000}), kNoon};
  ControlApi api{backend, [this] { return time; }};

  Fixture() {
    backend.feed_list = {feed("c2-intel"), feed("phishing")};
    api.set_tokens(Tokens({{"reader", sha256_hex("read-secret"), {"read"}, {}},
                           {"bob", sha256_hex("push-secret"), {"push:c2-intel"}, {}},
                           {"ops", sha256_hex("operate-secret"), {"operate"}, {}},
                           {"old", sha256_hex("old-secret"), {"admin"}, kNoon}}));
  }

  std::shared_ptr<RecordedExchange> ask(const std::string& method, const std::string& target,
                                        const std::string& body = "", HttpHeaders headers = {},
                                        bool local = true) {
    HttpRequest request;
    request.method = method;
    const size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    request.query = mark == std::string::npos ? "" : target.substr(mark + 1);
    request.headers = std::move(headers);
    request.over_unix_socket = local;
    request.body_sink = api.body_sink(request);
    if (request.body_sink == nullptr) {
      request.body = body;
    } else if (!body.empty()) {
      REQUIRE(request.body_sink->take(as_bytes(body)));
    }
    auto exchange = std::make_shared<RecordedExchange>();
    api.serve(std::move(request), HttpResponder(exchange));
    return exchange;
  }
  std::shared_ptr<RecordedExchange> ask_with(const std::string& token, const std::string& method,
                                             const std::string& target, const std::string& body = "") {
    return ask(method, target, body, {{"authorization", "Bearer " + token}}, false);
  }
  Json json(const std::string& method, const std::string& target, const std::string& body = "") {
    const auto exchange = ask(method, target, body);
    CAPTURE(exchange->response.status, exchange->response.body);
    REQUIRE(exchange->response.status == 200);
    return Json::parse(exchange->response.body);
  }
};

Event hit(const std::string& name, const std::string& client, WallTime time = kNoon,
          std::string_view client_name = "") {
  Event event;
  event.time = time;
  event.client = SocketAddress(*IpAddress::from_text(client), 4711);
  event.client_name = client_name;
  event.type = 1;
  event.name = *Name::from_text(name);
  event.incident = IncidentId::make(1, event.client.address(), event.name, time);
  event.verdict.action = Action::kSinkhole;
  event.verdict.match = MatchKind::kQuestion;
  event.verdict.matched = event.name;
  event.verdict.feed = ShortText<62>("c2-intel");
  return event;
}

std::string error_code(const RecordedExchange& exchange) {
  return Json::parse(exchange.response.body).at("error").at("code").get<std::string>();
}

}  // namespace

TEST_CASE("health and metrics are open to everybody", "[control][api]") {
  Fixture f;
  CHECK(f.ask("GET", "/healthz", "", {}, false)->response.body == "ok\n");
  f.backend.ready = false;
  CHECK(f.ask("GET", "/healthz", "", {}, false)->response.status == 503);
  const auto metrics = f.ask("GET", "/metrics", "", {}, false);
  CHECK_THAT(metrics->response.body, Catch::Contains("cenote_queries_total 7"));
  CHECK(metrics->header("content-type") == MetricsPage::kContentType);
}

TEST_CASE("readiness is open to everybody, and says what is missing", "[control][api]") {
  Fixture f;
  const auto ask = [&](const std::string& target) {
    const auto exchange = f.ask("GET", target, "", {}, false);
    return std::pair(exchange->response.status, Json::parse(exchange->response.body));
  };
  f.backend.generation_list = {generation(3), generation(2)};
  f.backend.generation_list[0].current = true;
  f.backend.generation_list[0].made = kNoon - seconds{90};
  auto [status, body] = ask("/readyz");
  CHECK(status == 200);
  CHECK(body["ready"] == true);
  CHECK(body["policy"]["generation"] == 3);
  CHECK(body["policy"]["age_seconds"] == 90);

  f.backend.unready_for.resolution = {"no upstream answers worker 1"};
  std::tie(status, body) = ask("/readyz");
  CHECK(status == 503);
  CHECK(body["resolution"] == Json{{"ready", false}, {"why", {"no upstream answers worker 1"}}});
  CHECK(body["policy"]["ready"] == true);
  f.backend.unready_for = {{}, {"worker 0 has no policy yet"}};
  CHECK(ask("/readyz").first == 503);
}

TEST_CASE("a stale feed is told, and counts where that is wanted", "[control][api]") {
  Fixture f;
  f.backend.feed_list[0].source = "https://feeds.example.net/list";
  f.backend.feed_list[1].source = "push";
  const auto lenient = f.ask("GET", "/readyz", "", {}, false);
  CHECK(lenient->response.status == 200);
  CHECK(Json::parse(lenient->response.body)["stale_feeds"] ==
        Json::array({{{"feed", "c2-intel"}, {"why", "never came"}}}));
  CHECK(f.ask("GET", "/readyz?policy=in_force", "", {}, false)->response.status == 200);
  const auto strict = f.ask("GET", "/readyz?policy=fresh", "", {}, false);
  CHECK(strict->response.status == 503);
  CHECK(Json::parse(strict->response.body)["policy"]["why"] == Json::array({"feed c2-intel never came"}));
  CHECK(f.ask("GET", "/readyz?policy=other", "", {}, false)->response.status == 400);
}

TEST_CASE("a token may do what its scopes say and nothing else", "[control][api]") {
  Fixture f;
  f.backend.generation_list = {generation(3), generation(2)};
  struct Row {
    const char* token;
    const char* method;
    const char* target;
    int status;
  };
  const auto row = GENERATE(values<Row>({
      {"", "GET", "/v1/status", 401},
      {"wrong", "GET", "/v1/status", 401},
      {"old-secret", "GET", "/v1/status", 401},
      {"read-secret", "GET", "/v1/status", 200},
      {"read-secret", "GET", "/v1/hits", 200},
      {"read-secret", "PUT", "/v1/feeds/c2-intel", 403},
      {"read-secret", "POST", "/v1/indicators", 403},
      {"read-secret", "POST", "/v1/generations/2/rollback", 403},
      {"push-secret", "GET", "/v1/status", 403},
      {"push-secret", "PUT", "/v1/feeds/c2-intel", 200},
      {"push-secret", "PUT", "/v1/feeds/phishing", 403},
      {"push-secret", "DELETE", "/v1/indicators/x.test?feed=c2-intel", 200},
      {"push-secret", "DELETE", "/v1/indicators/x.test?feed=phishing", 403},
      {"push-secret", "POST", "/v1/exceptions", 403},
      {"operate-secret", "GET", "/v1/status", 200},
      {"operate-secret", "PUT", "/v1/feeds/phishing", 200},
      {"operate-secret", "POST", "/v1/generations/2/rollback", 200},
  }));
  CAPTURE(row.token, row.method, row.target);
  const std::string body = std::string(row.target) == "/v1/indicators"
                               ? R"({"name":"x.test","feed":"c2-intel","reason":"r"})"
                               : "x.test\n";
  const auto exchange = f.ask_with(row.token, row.method, row.target, body);
  CHECK(exchange->response.status == row.status);
  CHECK(f.backend.changes.empty() == (row.status != 200 || std::string(row.method) == "GET"));
  if (row.status == 401) {
    CHECK(exchange->header("www-authenticate") == "Bearer realm=\"cenote\"");
  }
}

TEST_CASE("only who may push brings a list, and only where lists go", "[control][api]") {
  Fixture f;
  HttpRequest head;
  head.method = "PUT";
  head.path = "/v1/feeds/c2-intel";
  const auto takes = [&](size_t bytes, bool as_list) {
    CHECK(f.api.body_limit(head) == bytes);
    const auto sink = std::dynamic_pointer_cast<Upload>(f.api.body_sink(head));
    CHECK((sink != nullptr && sink->list() != nullptr) == as_list);
  };
  constexpr size_t kUnread = 4U << 10;
  takes(kUnread, false);
  head.headers = {{"authorization", "Bearer read-secret"}};
  takes(kUnread, false);
  head.headers = {{"authorization", "Bearer push-secret"}};
  takes(256U << 20, true);
  head.path = "/v1/feeds/phishing";
  takes(kUnread, false);
  head.headers.clear();
  head.over_unix_socket = true;
  takes(256U << 20, true);
  head.path = "/v1/feeds";
  takes(kUnread, false);
  head.path = "/v1/feeds/c2-intel";
  head.method = "PATCH";
  takes(4U << 20, false);
}

TEST_CASE("a list goes to the disk as it comes and leaves no file when it breaks off", "[control][api]") {
  Fixture f;
  const auto files = [&] {
    return std::distance(std::filesystem::directory_iterator(f.backend.folder.path()), {});
  };
  HttpRequest head;
  head.method = "PUT";
  head.path = "/v1/feeds/c2-intel";
  head.over_unix_socket = true;
  head.body_sink = f.api.body_sink(head);
  REQUIRE(head.body_sink != nullptr);
  REQUIRE(head.body_sink->take(as_bytes("half of a li")));
  CHECK(files() == 1);
  head.body_sink.reset();
  CHECK(files() == 0);
  CHECK(f.backend.changes.empty());
}

TEST_CASE("without room for a list, or with too many at once, a push is told to come again",
          "[control][api]") {
  Fixture f;
  HttpRequest head;
  head.method = "PUT";
  head.path = "/v1/feeds/c2-intel";
  head.over_unix_socket = true;
  std::vector<std::shared_ptr<HttpBodySink>> under_way;
  SECTION("no room") {
    f.backend.has_room = false;
  }
  SECTION("too many") {
    for (int i = 0; i < 8; ++i) {
      under_way.push_back(f.api.body_sink(head));
      CHECK(under_way.back()->take(as_bytes("a.test\n")));
    }
  }
  CHECK_FALSE(f.api.body_sink(head)->take(as_bytes("a.test\n")));
  CHECK(f.ask("PUT", "/v1/feeds/c2-intel", "")->response.status == 503);
  CHECK(f.backend.changes.empty());
  under_way.clear();
  f.backend.has_room = true;
  CHECK(f.ask("PUT", "/v1/feeds/c2-intel", "a.test\n")->response.status == 200);
}

TEST_CASE("a path or method that does not exist is told apart", "[control][api]") {
  Fixture f;
  CHECK(f.ask("GET", "/v2/status")->response.status == 404);
  CHECK(f.ask("GET", "/v1/feeds//rejects")->response.status == 404);
  const auto wrong = f.ask("DELETE", "/v1/feeds/c2-intel");
  CHECK(wrong->response.status == 405);
  CHECK(wrong->header("allow") == "PUT, PATCH");
  CHECK(f.ask("HEAD", "/v1/status")->response.status == 200);
}

TEST_CASE("a push answers with what it did, and who did it is kept", "[control][api]") {
  Fixture f;
  ChangeResult& result = f.backend.result;
  result.generation = 12;
  result.added = 2;
  result.removed = 1;
  result.unchanged = 5;
  result.rejected = 1;
  result.held = 1;
  result.first_rejects = {{7, "bad\xff\x1b[2J", "bad_char", false}};
  const auto exchange =
      f.ask_with("push-secret", "PUT", "/v1/feeds/c2-intel?format=hosts", "0.0.0.0 a.test\n");
  CHECK(exchange->response.status == 200);
  CHECK(exchange->response.body ==
        R"({"generation":12,"added":2,"removed":1,"unchanged":5,"rejected":1,"held":1,"rejects":[)"
        R"({"line":7,"reason":"bad_char","held":false,"text":"bad\ufffd\u001b[2J"}]})"
        "\n");
  CHECK(f.backend.changes == std::vector<std::string>{"push c2-intel by bob"});
  CHECK(f.backend.last_list == "0.0.0.0 a.test\n");
  CHECK(f.backend.last_push.format == "hosts");
  CHECK_FALSE(f.backend.last_push.dry_run);
  f.ask("PUT", "/v1/feeds/c2-intel?dry_run=1", "b.test");
  CHECK(f.backend.last_push.dry_run);
  CHECK(f.backend.changes.back() == "push c2-intel by local");
}

TEST_CASE("a change that is refused says why and what it would have done", "[control][api]") {
  Fixture f;
  f.backend.result.accepted = false;
  f.backend.result.error = "the list is empty";
  f.backend.result.removed = 3;
  const auto exchange = f.ask("PUT", "/v1/feeds/c2-intel", "");
  CHECK(exchange->response.status == 422);
  const Json body = Json::parse(exchange->response.body);
  CHECK(body["error"] == Json{{"code", "refused"}, {"message", "the list is empty"}});
  CHECK(body["result"]["removed"] == 3);
}

TEST_CASE("a feed that is not configured is named, with the one that was meant", "[control][api]") {
  Fixture f;
  const auto exchange = f.ask("PUT", "/v1/feeds/c2-intl", "a.test");
  CHECK(exchange->response.status == 404);
  CHECK_THAT(exchange->response.body, Catch::Contains("did you mean 'c2-intel'?"));
  CHECK(f.backend.changes.empty());
}

TEST_CASE("a repeated change with the same Idempotency-Key is done once", "[control][api]") {
  Fixture f;
  const HttpHeaders key{{"idempotency-key", "k1"}};
  f.backend.result.generation = 5;
  SECTION("after the answer") {
    const auto first = f.ask("PUT", "/v1/feeds/c2-intel", "a.test", key);
    f.backend.result.generation = 6;
    const auto second = f.ask("PUT", "/v1/feeds/c2-intel", "a.test", key);
    CHECK(f.backend.changes.size() == 1);
    CHECK(second->response.body == first->response.body);
    CHECK(second->header("idempotent-replay") == "true");
  }
  SECTION("before the answer") {
    f.backend.answers_at_once = false;
    const auto first = f.ask("PUT", "/v1/feeds/c2-intel", "a.test", key);
    const auto second = f.ask("PUT", "/v1/feeds/c2-intel", "a.test", key);
    REQUIRE(f.backend.waiting.size() == 1);
    CHECK(second->answers == 0);
    f.backend.waiting[0](f.backend.result);
    CHECK(first->answers == 1);
    CHECK(second->answers == 1);
    CHECK(second->response.body == first->response.body);
  }
  SECTION("not for another body, and not for another sender") {
    f.ask("PUT", "/v1/feeds/c2-intel", "a.test", key);
    const auto other = f.ask("PUT", "/v1/feeds/c2-intel", "b.test", key);
    CHECK(other->response.status == 422);
    CHECK(error_code(*other) == "idempotency_mismatch");
    f.ask("PUT", "/v1/feeds/c2-intel", "a.test",
          {{"idempotency-key", "k1"}, {"authorization", "Bearer push-secret"}}, false);
    CHECK(f.backend.changes.size() == 2);
  }
  SECTION("and again after a day") {
    f.ask("PUT", "/v1/feeds/c2-intel", "a.test", key);
    f.time.mono += std::chrono::hours{25};
    f.ask("PUT", "/v1/feeds/c2-intel", "a.test", key);
    CHECK(f.backend.changes.size() == 2);
  }
}

TEST_CASE("a patch carries lines to add and names to remove", "[control][api]") {
  Fixture f;
  f.json("PATCH", "/v1/feeds/c2-intel", R"({"add":["a.test","b.test"],"remove":["c.test"]})");
  CHECK(f.backend.last_patch.add == std::vector<std::string>{"a.test", "b.test"});
  CHECK(f.backend.last_patch.remove == std::vector<std::string>{"c.test"});
  const std::string bad = GENERATE(as<std::string>{}, "", "[]", "{", R"({"add":"a.test"})", R"({"add":[1]})",
                                   R"({"add":[],"extra":1})", R"({"add":{"a":"b"}})");
  CAPTURE(bad);
  const auto exchange = f.ask("PATCH", "/v1/feeds/c2-intel", bad);
  CHECK(exchange->response.status == 400);
  CHECK(exchange->answers == 1);
  CHECK(f.backend.changes.size() == 1);
}

TEST_CASE("an exception may be for a group that the configuration has", "[control][api]") {
  Fixture f;
  f.backend.group_list = {"office", "lab"};
  f.json("POST", "/v1/exceptions", R"({"name":"a.test","reason":"r","group":"lab"})");
  CHECK(f.backend.last_exception.client == for_group("lab"));
  struct Row {
    std::string body;
    int status;
    std::string says;
  };
  const auto row = GENERATE(values<Row>({
      {R"({"name":"a.test","reason":"r","group":"labb"})", 404,
       R"("unknown_group","message":"there is no group 'labb' in the configuration; did you mean 'lab'?")"},
      {R"({"name":"a.test","reason":"r","group":"lab","client":"10.0.0.0/8"})", 400, "not for both"},
      {R"({"name":"a.test","reason":"r","group":["lab"]})", 400, "group"},
      {R"({"name":"a.test","reason":"r","client":"group:lab"})", 400, "neither an address"},
  }));
  CAPTURE(row.body);
  const auto refused = f.ask("POST", "/v1/exceptions", row.body);
  CHECK(refused->response.status == row.status);
  CHECK_THAT(refused->response.body, Catch::Contains(row.says));
  CHECK(refused->answers == 1);
  CHECK(f.backend.changes.size() == 1);
}

TEST_CASE("what people added comes in pages, each behind the last place of the one before",
          "[control][api]") {
  Fixture f;
  for (int i = 0; i < 2500; ++i) {
    SingleIndicator single;
    single.feed = i % 2 == 0 ? "c2-intel" : "phishing";
    single.name = fmt::format("n{}.test", i);
    f.backend.indicator_list.push_back(single);
    f.backend.exception_list.push_back({{single.name, false, "r", {}, {}}, "me", {}});
  }
  for (const std::string list : {"indicators", "exceptions"}) {
    CAPTURE(list);
    std::set<std::string> names;
    std::string target = "/v1/" + list + "?limit=999";
    std::vector<size_t> pages;
    while (!target.empty()) {
      const Json page = f.json("GET", target);
      pages.push_back(page[list].size());
      for (const Json& one : page[list]) {
        CHECK(names.insert(one["name"].get<std::string>()).second);
      }
      target = page["next"].is_null()
                   ? ""
                   : "/v1/" + list + "?limit=999&after=" + percent_encoded(page["next"].get<std::string>());
    }
    CHECK(pages == std::vector<size_t>{999, 999, 502});
    CHECK(names.size() == 2500);
    CHECK(f.json("GET", "/v1/" + list)[list].size() == 1000);
    for (const char* limit : {"0", "10001", "x"}) {
      CHECK(f.ask("GET", "/v1/" + list + "?limit=" + limit)->response.status == 400);
    }
  }
}

TEST_CASE("an exception that the configuration has twice is on two pages, and skipped on none",
          "[control][api]") {
  Fixture f;
  for (const char* name : {"a.test", "b.test", "b.test", "b.test", "c.test"}) {
    f.backend.exception_list.push_back({{name, false, "r", {}, {}}, "configuration", {}});
  }
  std::vector<std::string> names;
  std::string after;
  for (Json next = ""; !next.is_null();) {
    const Json page = f.json("GET", "/v1/exceptions?limit=1" + after);
    REQUIRE(page["exceptions"].size() == 1);
    names.push_back(page["exceptions"][0]["name"]);
    next = page["next"];
    after = next.is_null() ? "" : "&after=" + percent_encoded(next.get<std::string>());
  }
  CHECK(names == std::vector<std::string>{"a.test", "b.test", "b.test", "b.test", "c.test"});
}

TEST_CASE("it is listed whom exceptions are for", "[control][api]") {
  Fixture f;
  for (const std::string& client : {std::string(), std::string("10.0.0.0/8"), for_group("lab")}) {
    f.backend.exception_list.push_back({{"a.test", false, "r", {}, client}, "me", {}});
  }
  const Json listed = f.json("GET", "/v1/exceptions")["exceptions"];
  CHECK((listed[0]["client"].is_null() && listed[0]["group"].is_null()));
  CHECK((listed[1]["client"] == "10.0.0.0/8" && listed[1]["group"].is_null()));
  CHECK((listed[2]["client"].is_null() && listed[2]["group"] == "lab"));
}

TEST_CASE("an exception needs a name and a reason, and may end", "[control][api]") {
  Fixture f;
  f.json("POST", "/v1/exceptions",
         R"({"name":"Partner.Example.","reason":"contract","for":"1h","client":"10.0.0.0/8","exact":true})");
  CHECK(f.backend.last_exception.name == "partner.example");
  CHECK(f.backend.last_exception.until == kNoon + seconds{3600});
  CHECK(f.backend.last_exception.client == "10.0.0.0/8");
  CHECK(f.backend.last_exception.exact);
  const std::string bad = GENERATE(
      as<std::string>{}, R"({"name":"a.test"})", R"({"reason":"r"})", R"({"name":"a..b","reason":"r"})",
      R"({"name":"a.test","reason":"r","for":"-1h"})", R"({"name":"a.test","reason":"r","until":"x"})",
      R"({"name":"a.test","reason":"r","until":"2027-01-01","for":"1h"})",
      R"({"name":"a.test","reason":"r","client":"host"})", R"({"name":"a.test","reason":"r","exact":"yes"})",
      R"({"name":1,"reason":"r"})", R"({"name":"a.test","reason":"r","unitl":"2027-01-01"})");
  CAPTURE(bad);
  const auto exchange = f.ask("POST", "/v1/exceptions", bad);
  CHECK(exchange->response.status == 400);
  CHECK(exchange->answers == 1);
  CHECK(f.backend.changes.size() == 1);
}

TEST_CASE("an exception is removed by its name, if there is one", "[control][api]") {
  Fixture f;
  f.backend.exception_list.resize(1);
  f.backend.exception_list[0].exception.name = "partner.example";
  CHECK(f.json("GET", "/v1/exceptions")["exceptions"][0]["name"] == "partner.example");
  f.json("DELETE", "/v1/exceptions/Partner.Example");
  CHECK(f.backend.changes == std::vector<std::string>{"disallow partner.example by local"});
  CHECK(f.ask("DELETE", "/v1/exceptions/other.example")->response.status == 404);
}

TEST_CASE("a single indicator reaches its feed", "[control][api]") {
  Fixture f;
  f.json(
      "POST", "/v1/indicators",
      R"({"name":"evil.test","feed":"c2-intel","category":"c2","reason":"seen","until":"2027-03-31","exact":true})");
  const SingleIndicator& added = f.backend.last_indicator;
  CHECK(added.name == "evil.test");
  CHECK(added.feed == "c2-intel");
  CHECK(added.category == "c2");
  CHECK(added.reason == "seen");
  CHECK(added.exact);
  CHECK(added.who == "local");
  CHECK(added.added == kNoon);
  CHECK(to_rfc3339(*added.until) == "2027-03-31T23:59:59.000Z");
  CHECK(f.ask("POST", "/v1/indicators", R"({"name":"a.test","feed":"nope","reason":"r"})")->response.status ==
        404);
  CHECK(f.ask("DELETE", "/v1/indicators/evil.test")->response.status == 400);
  f.json("DELETE", "/v1/indicators/evil.test?feed=c2-intel");
  CHECK(f.backend.changes.back() == "remove evil.test from c2-intel by local");
}

TEST_CASE("an exception or indicator of an address block is removed, slash and all", "[control][api]") {
  Fixture f;
  f.backend.exception_list = {{{"192.0.2.0/24", false, "why", {}, ""}, "bob", kNoon}};
  f.json("DELETE", "/v1/exceptions/192.0.2.0/24");
  CHECK(f.backend.changes.back() == "disallow 192.0.2.0/24 by local");
  f.json("DELETE", "/v1/indicators/198.51.100.0/24?feed=c2-intel");
  CHECK(f.backend.changes.back() == "remove 198.51.100.0/24 from c2-intel by local");
  CHECK(f.ask("GET", "/v1/feeds/c2-intel/rejects/more")->response.status == 404);
  CHECK(f.ask("DELETE", "/v1/exceptions/")->response.status == 404);
  f.json("POST", "/v1/exceptions", R"({"name":"192.0.2.0/24","reason":"r"})");
  CHECK(f.backend.last_exception.name == "192.0.2.0/24");
  CHECK(f.ask("POST", "/v1/exceptions", R"({"name":"a/b.test","reason":"r"})")->response.status == 400);
}

TEST_CASE("an end that has passed is refused", "[control][api]") {
  Fixture f;
  const auto answer = f.ask("POST", "/v1/indicators",
                            R"({"name":"a.test","feed":"c2-intel","reason":"r","until":"2020-01-01"})");
  CHECK(answer->response.status == 400);
  CHECK_THAT(answer->response.body, Catch::Contains("has passed"));
  CHECK(f.ask("POST", "/v1/exceptions", R"({"name":"a.test","reason":"r","until":"2020-01-01"})")
            ->response.status == 400);
  CHECK(f.backend.changes.empty());
}

TEST_CASE("what is held is listed, and released or refused by those who may", "[control][api]") {
  Fixture f;
  f.api.set_tokens(Tokens({{"bob", sha256_hex("push-secret"), {"push:c2-intel"}, {}},
                           {"sue", sha256_hex("release-secret"), {"release:c2-intel"}, {}},
                           {"ops", sha256_hex("operate-secret"), {"operate"}, {}}}));
  f.backend.held_list.entries = {
      {"c2-intel", {3, "google.com", "top_site", true, "suffix", "would block it"}},
      {"phishing", {4, "bing.com", "top_site", true, "exact", ""}}};
  HeldChange change;
  change.feed = "phishing";
  change.guard = "shrink";
  f.backend.held_list.changes = {change};
  const Json all = f.json("GET", "/v1/held");
  CHECK(all["entries"].size() == 2);
  CHECK(all["entries"][0]["why"] == "would block it");
  CHECK(all["changes"][0]["guard"] == "shrink");
  CHECK(f.json("GET", "/v1/held?feed=c2-intel")["entries"].size() == 1);
  CHECK(f.json("GET", "/v1/held?feed=c2-intel")["changes"].empty());

  const std::string body = R"({"names":["google.com"],"reason":"case 1"})";
  CHECK(f.ask_with("push-secret", "POST", "/v1/feeds/c2-intel/release", body)->response.status == 403);
  CHECK(f.ask_with("release-secret", "POST", "/v1/feeds/phishing/release", body)->response.status == 403);
  CHECK(f.backend.changes.empty());
  CHECK(f.ask_with("release-secret", "POST", "/v1/feeds/c2-intel/release", body)->response.status == 200);
  CHECK(f.backend.changes.back() == "release in c2-intel by sue");
  CHECK(f.backend.last_verdict.names == std::vector<std::string>{"google.com"});
  CHECK(f.backend.last_verdict.reason == "case 1");
  CHECK(f.ask_with("operate-secret", "POST", "/v1/feeds/phishing/refuse", R"({"change":true})")
            ->response.status == 200);
  CHECK(f.backend.last_verdict.change);
  CHECK_FALSE(f.backend.last_verdict.releases);
  CHECK(f.ask("POST", "/v1/feeds/c2-intel/release", "{}")->response.status == 400);
  CHECK(f.ask("POST", "/v1/feeds/c2-intel/release", R"({"all":true,"change":true})")->response.status == 400);
}

TEST_CASE("a change that is held as a whole has a code of its own", "[control][api]") {
  Fixture f;
  f.backend.result.accepted = false;
  f.backend.result.error = "shrinks";
  f.backend.result.held_change = HeldChange{};
  f.backend.result.held_change->guard = "shrink";
  const auto answer = f.ask("PUT", "/v1/feeds/c2-intel", "a.test");
  CHECK(answer->response.status == 422);
  CHECK(Json::parse(answer->response.body)["error"]["code"] == "held");
  CHECK(Json::parse(answer->response.body)["result"]["held_change"]["guard"] == "shrink");
}

TEST_CASE("only who operates lists what a guard would hold", "[control][api]") {
  Fixture f;
  const std::string body = R"({"name":"a.test","feed":"c2-intel","reason":"r","force":true})";
  CHECK(f.ask_with("push-secret", "POST", "/v1/indicators", body)->response.status == 403);
  CHECK(f.ask_with("operate-secret", "POST", "/v1/indicators", body)->response.status == 200);
  CHECK(f.backend.last_indicator.force);
}

TEST_CASE("the record of changes comes as it is in the file", "[control][api]") {
  Fixture f;
  f.backend.audit_page = {{R"({"number":4})", R"({"number":5})"}, 5, "abc"};
  const Json page = f.json("GET", "/v1/audit?after=3&limit=2");
  CHECK(page["entries"][1]["number"] == 5);
  CHECK(page["last"] == 5);
  CHECK(page["head"] == "abc");
  CHECK(f.backend.asked_audit == std::pair<uint64_t, size_t>{3, 2});
  CHECK(f.ask("GET", "/v1/audit?limit=0")->response.status == 400);
}

TEST_CASE("an address is explained as a name is", "[control][api]") {
  Fixture f;
  f.backend.explanation.generation = 9;
  ExplainStep step;
  step.indicator = "192.0.2.0/24";
  f.backend.explanation.steps = {step};
  const Json body = f.json("GET", "/v1/explain?name=192.0.2.7");
  CHECK(body["name"] == "192.0.2.7");
  CHECK(body["generation"] == 9);
  CHECK(f.backend.asked.address->to_text() == "192.0.2.7");
  CHECK(f.json("GET", "/v1/indicators?name=192.0.2.7")["entries"][0]["indicator"] == "192.0.2.0/24");
}

TEST_CASE("a rollback needs a generation that there is", "[control][api]") {
  Fixture f;
  f.backend.generation_list = {generation(7)};
  CHECK(f.json("GET", "/v1/generations")["generations"][0]["what"] == "push c2-intel");
  f.json("POST", "/v1/generations/7/rollback");
  CHECK(f.backend.changes == std::vector<std::string>{"rollback 7 by local"});
  for (const char* target : {"/v1/generations/6/rollback", "/v1/generations/x/rollback"}) {
    CHECK(f.ask("POST", target)->response.status == 404);
  }
}

TEST_CASE("explain passes the question on and shows every step", "[control][api]") {
  Fixture f;
  f.backend.explanation.group = "lab";
  f.backend.explanation.verdict.action = Action::kMonitor;
  f.backend.explanation.verdict.match = MatchKind::kQuestion;
  f.backend.explanation.verdict.matched = *Name::from_text("www.evil.test");
  f.backend.explanation.verdict.depth = 2;
  f.backend.explanation.steps.resize(1);
  f.backend.explanation.steps[0].feed = "c2-intel";
  f.backend.explanation.steps[0].fate = "won";
  const Json body = f.json(
      "GET",
      "/v1/explain?name=WWW.evil.test&client=10.0.9.1&client_name=kiosk-7&by_certificate=1&type=HTTPS");
  CHECK(f.backend.asked.name == *Name::from_text("www.evil.test"));
  CHECK(f.backend.asked.client == *IpAddress::from_text("10.0.9.1"));
  CHECK(f.backend.asked.client_name == "kiosk-7");
  CHECK(f.backend.asked.has_certificate);
  CHECK(body["by_certificate"] == true);
  CHECK(f.backend.asked.type == 65);
  CHECK(body["verdict"] == "monitor");
  CHECK(body["match"]["indicator"] == "evil.test");
  CHECK(body["steps"][0]["fate"] == "won");
  for (const char* query : {"", "?name=", "?name=a..b", "?name=a.test&type=NOPE",
                            "?name=a.test&client=10.0.0.0/8", "?name=a.test&client_name=Kiosk"}) {
    CAPTURE(query);
    CHECK(f.ask("GET", std::string("/v1/explain") + query)->response.status == 400);
  }
  CHECK(f.json("GET", "/v1/indicators?name=evil.test")["entries"][0]["feed"] == "c2-intel");
}

TEST_CASE("hits are found by client, name, time and number", "[control][api]") {
  Fixture f;
  f.backend.hits.add(hit("a.test", "10.0.0.1", kNoon - std::chrono::hours{2}));
  f.backend.hits.add(hit("www.a.test", "10.0.0.2", kNoon - std::chrono::minutes{5}));
  f.backend.hits.add(hit("b.test", "10.0.1.1", kNoon, "a.lab.example"));
  struct Row {
    const char* query;
    std::vector<int> numbers;
  };
  const auto row = GENERATE(values<Row>({{"", {1, 2, 3}},
                                         {"?client=10.0.0.1", {1}},
                                         {"?client=10.0.0.0/24", {1, 2}},
                                         {"?client_name=a.lab.example", {3}},
                                         {"?client_name=*.lab.example", {3}},
                                         {"?client_name=lab.example", {}},
                                         {"?name=a.test", {1, 2}},
                                         {"?since=1h", {2, 3}},
                                         {"?since=2026-11-22T12:00:00Z", {3}},
                                         {"?after=2", {3}},
                                         {"?limit=1", {3}}}));
  CAPTURE(row.query);
  const Json body = f.json("GET", std::string("/v1/hits") + row.query);
  std::vector<int> numbers;
  for (const Json& one : body["hits"]) {
    numbers.push_back(one["number"].get<int>());
  }
  CHECK(numbers == row.numbers);
  CHECK(body["last"] == 3);
}

TEST_CASE("a wrong filter of hits is refused", "[control][api]") {
  Fixture f;
  const std::string query = GENERATE(as<std::string>{}, "client=x", "client_name=Lab", "client_name=*",
                                     "name=a..b", "since=yesterday", "limit=0", "limit=10001", "limit=x");
  CHECK(f.ask("GET", "/v1/hits?" + query)->response.status == 400);
}

TEST_CASE("who follows the hits gets each new one once", "[control][api]") {
  Fixture f;
  f.backend.hits.add(hit("before.test", "10.0.0.1"));
  const auto lines = f.ask("GET", "/v1/hits?follow=1&client=10.0.0.0/24");
  CHECK(lines->header("content-type") == "application/x-ndjson");
  CHECK(lines->streamed.empty());
  const auto events =
      f.ask("GET", "/v1/hits?follow=1", "", {{"accept", "text/event-stream"}, {"last-event-id", "0"}});
  f.backend.hits.add(hit("new.test", "10.0.0.1"));
  f.backend.hits.add(hit("elsewhere.test", "192.0.2.1"));
  f.api.tick();
  f.api.tick();
  REQUIRE(std::count(lines->streamed.begin(), lines->streamed.end(), '\n') == 1);
  CHECK(Json::parse(lines->streamed)["name"] == "new.test");
  CHECK_THAT(events->streamed, Catch::StartsWith("id: 2\ndata: {\"number\":2,"));
  CHECK_THAT(events->streamed, Catch::Contains("id: 3\ndata: {"));
  CHECK(events->header("content-type") == "text/event-stream");
}

TEST_CASE("a silent stream is kept alive, and a closed one is forgotten", "[control][api]") {
  Fixture f;
  std::vector<std::shared_ptr<RecordedExchange>> followers;
  for (int i = 0; i < 16; ++i) {
    followers.push_back(f.ask("GET", "/v1/hits?follow=1"));
  }
  CHECK(f.ask("GET", "/v1/hits?follow=1")->response.status == 503);
  f.time.mono += seconds{16};
  f.api.tick();
  CHECK(followers[0]->streamed == "\n");
  followers[0]->open = false;
  f.api.tick();
  CHECK(f.ask("GET", "/v1/hits?follow=1")->response.status == 200);
  f.api.stop();
  CHECK(followers[1]->is_finished);
}

TEST_CASE("an incident is found by its id however it was typed", "[control][api]") {
  Fixture f;
  const Event first = hit("a.test", "10.0.0.1");
  f.backend.hits.add(first);
  f.backend.hits.add(first);
  const std::string id(first.incident.to_text().view());
  const Json body = f.json("GET", "/v1/incidents/" + id);
  CHECK(body["incident"] == id);
  CHECK(body["hits"] == 2);
  CHECK(body["newest"]["name"] == "a.test");
  CHECK(f.ask("GET", "/v1/incidents/AAAAA-AAAAA")->response.status == 404);
  CHECK(f.ask("GET", "/v1/incidents/short")->response.status == 400);
}

TEST_CASE("status counts from the start and lists feeds and upstreams", "[control][api]") {
  Fixture f;
  f.backend.server.started = kNoon - seconds{90};
  f.backend.server.upstreams.resize(1);
  f.backend.server.upstreams[0].is_down = true;
  const Json body = f.json("GET", "/v1/status");
  CHECK(body["uptime_seconds"] == 90);
  CHECK(body["upstreams"][0]["down"] == true);
  CHECK(body["feeds"][0]["name"] == "c2-intel");
  CHECK(f.json("GET", "/v1/feeds")["feeds"][0]["entries"] == 3);
}

TEST_CASE("the OpenAPI file lists the routes of the code, no more and no fewer", "[control][api]") {
  std::set<std::string> documented;
  const YAML::Node spec = YAML::LoadFile(std::string(CENOTE_SOURCE_DIR) + "/docs/openapi.yaml");
  for (const auto& path : spec["paths"]) {
    for (const auto& operation : path.second) {
      const auto method = operation.first.as<std::string>();
      if (method == "parameters") {
        continue;
      }
      std::string upper;
      for (const char c : method) {
        upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      }
      documented.insert(upper + " " + path.first.as<std::string>());
      CAPTURE(path.first.as<std::string>(), method);
      CHECK(operation.second["summary"]);
      CHECK(operation.second["operationId"]);
      CHECK(operation.second["responses"]);
    }
  }
  std::set<std::string> coded;
  for (const ControlRoute& route : control_routes()) {
    coded.insert(std::string(route.method) + " " + route.pattern);
  }
  CHECK(documented == coded);
}

}  // namespace cenote::api_test
