// What one sender can take of the control API: its places, its time, its memory, and what is not its.
#include <chrono>

#include <catch2/catch.hpp>

#include "resolver/control/api.h"
#include "resolver/control/json.h"
#include "resolver/net/digest.h"
#include "tests/resolver/control/fake_backend.h"

namespace cenote::bounds_test {
namespace {

constexpr size_t kMiB = 1U << 20;
const WallTime kNoon = WallTime(seconds{1'795'348'800});

struct Fixture {
  FakeBackend backend;
  Now time{MonoTime(seconds{1000}), kNoon};
  ControlApi api{backend, [this] { return time; }};

  Fixture() {
    for (const char* name : {"c2-intel", "phishing"}) {
      backend.feed_list.emplace_back();
      backend.feed_list.back().name = name;
    }
    set_tokens({token("reader", {"read"}), token("bob", {"push:c2-intel"}), token("eve", {"push:phishing"}),
                token("amy", {"push:*"}), token("ops", {"operate"})});
  }
  static Token token(const std::string& name, std::vector<std::string> scopes) {
    return {name, sha256_hex(name + "-secret"), std::move(scopes), {}};
  }
  void set_tokens(std::vector<Token> tokens) { api.set_tokens(Tokens(std::move(tokens))); }

  // `who`: a token's name, "" for none, "local" for the socket.
  static HttpRequest head(const std::string& who, const std::string& method, const std::string& target,
                          HttpHeaders headers = {}) {
    HttpRequest request;
    request.method = method;
    const size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    request.query = mark == std::string::npos ? "" : target.substr(mark + 1);
    request.headers = std::move(headers);
    request.over_unix_socket = who == "local";
    if (!who.empty() && who != "local") {
      request.headers.emplace_back("authorization", "Bearer " + who + "-secret");
    }
    return request;
  }
  std::shared_ptr<RecordedExchange> finish(HttpRequest request) {
    auto exchange = std::make_shared<RecordedExchange>();
    api.serve(std::move(request), HttpResponder(exchange));
    return exchange;
  }
  std::shared_ptr<RecordedExchange> ask(const std::string& who, const std::string& method,
                                        const std::string& target, const std::string& body = "",
                                        HttpHeaders headers = {}) {
    HttpRequest request = head(who, method, target, std::move(headers));
    if (!body.empty()) {
      request.headers.emplace_back("content-length", std::to_string(body.size()));
    }
    request.body_sink = api.body_sink(request);
    if (request.body_sink == nullptr) {
      request.body = body;
    } else if (!body.empty()) {
      CHECK(request.body_sink->take(as_bytes(body)));
    }
    return finish(std::move(request));
  }
  std::shared_ptr<HttpBodySink> upload(const std::string& who, const std::string& feed) const {
    return api.body_sink(head(who, "PUT", "/v1/feeds/" + feed));
  }
  static bool has_place(const std::shared_ptr<HttpBodySink>& sink) {
    return sink != nullptr && sink->take(as_bytes("a.test\n"));
  }
};

Event hit(const std::string& name) {
  Event event;
  event.time = kNoon;
  event.client = SocketAddress(*IpAddress::from_text("10.0.0.1"), 4711);
  event.type = 1;
  event.name = *Name::from_text(name);
  event.verdict.action = Action::kSinkhole;
  event.verdict.match = MatchKind::kQuestion;
  event.verdict.matched = event.name;
  return event;
}

}  // namespace

TEST_CASE("a body is let in by the head alone, and only by whom it may come", "[control][bounds]") {
  Fixture f;
  struct Row {
    const char* who;
    const char* method;
    const char* target;
    int refused;
    size_t most;
  };
  const auto row = GENERATE(values<Row>({
      {"reader", "POST", "/v1/indicators", 403, 4096},
      {"reader", "POST", "/v1/exceptions", 403, 4096},
      {"bob", "POST", "/v1/exceptions", 403, 4096},
      {"reader", "PATCH", "/v1/feeds/c2-intel", 403, 4096},
      {"eve", "PATCH", "/v1/feeds/c2-intel", 403, 4096},
      {"eve", "PUT", "/v1/feeds/c2-intel", 403, 4096},
      {"bob", "POST", "/v1/feeds/c2-intel/release", 403, 4096},
      {"bob", "POST", "/v1/feeds/c2-intel/refuse", 403, 4096},
      {"bob", "POST", "/v1/generations/3/rollback", 403, 4096},
      {"bob", "POST", "/v1/feeds/c2-intel/promote", 403, 4096},
      {"", "POST", "/v1/indicators", 401, 4096},
      {"nobody", "PUT", "/v1/feeds/c2-intel", 401, 4096},
      {"reader", "GET", "/v1/status", 413, 4096},
      {"ops", "POST", "/v1/generations/3/rollback", 413, 4096},
      {"bob", "GET", "/v1/nothing", 413, 4096},
      {"local", "DELETE", "/v1/feeds/c2-intel", 413, 4096},
      {"bob", "POST", "/v1/indicators", 413, 16 << 10},
      {"ops", "POST", "/v1/exceptions", 413, 16 << 10},
      {"bob", "PATCH", "/v1/feeds/c2-intel", 413, 4 * kMiB},
      {"ops", "POST", "/v1/feeds/c2-intel/release", 413, 4 * kMiB},
      {"local", "PATCH", "/v1/feeds/c2-intel", 413, 4 * kMiB},
      {"bob", "PUT", "/v1/feeds/c2-intel", 413, 256 * kMiB},
  }));
  CAPTURE(row.who, row.method, row.target);
  const HttpRequest head = Fixture::head(row.who, row.method, row.target);
  CHECK(f.api.body_limit(head) <= row.most);

  CHECK(f.api.body_limit(head) == row.most);
  CHECK(f.api.over_limit(head) == row.refused);
}

TEST_CASE("what nobody will read is thrown away as it comes", "[control][bounds]") {
  Fixture f;
  for (const char* who : {"reader", ""}) {
    HttpRequest request = Fixture::head(who, "POST", "/v1/indicators");
    request.body_sink = f.api.body_sink(request);
    REQUIRE(request.body_sink != nullptr);
    CHECK(request.body_sink->take(as_bytes("{\"name\":\"a.test\"}")));
    CHECK(f.finish(std::move(request))->response.status == (*who == 'r' ? 403 : 401));
  }
}

TEST_CASE("JSON that is deeper than anything here is refused where it begins", "[control][bounds]") {
  Fixture f;
  const std::string deep =
      GENERATE(std::string(4 * kMiB, '['), R"({"add":)" + std::string(kMiB, '['), R"({"add":[[)",
               R"({"add":[{"a":1}]})", R"({"add":{"a":[]}})", std::string(kMiB, '{'), R"({"a":{"b":)");
  const auto began = std::chrono::steady_clock::now();
  const auto answer = f.ask("bob", "PATCH", "/v1/feeds/c2-intel", deep);
  CHECK(answer->response.status == 400);
  CHECK(answer->answers == 1);
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::milliseconds{500});
  CHECK(f.backend.changes.empty());
}

TEST_CASE("a change has no more entries than a change has", "[control][bounds]") {
  Fixture f;
  const auto body = [](size_t count) {
    std::string text = R"({"add":[)";
    for (size_t i = 0; i < count; ++i) {
      text += i == 0 ? "\"\"" : ",\"\"";
    }
    return text + "]}";
  };
  CHECK(f.ask("bob", "PATCH", "/v1/feeds/c2-intel", body(100'000))->response.status == 200);
  CHECK(f.backend.last_patch.add.size() == 100'000);
  CHECK(f.ask("bob", "PATCH", "/v1/feeds/c2-intel", body(100'001))->response.status == 400);
  std::string keys = "{";
  for (int i = 0; i < 100; ++i) {
    keys += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":1";
  }
  CHECK(f.ask("bob", "PATCH", "/v1/feeds/c2-intel", keys + "}")->response.status == 400);
}

TEST_CASE("one sender's uploads leave places for all others", "[control][bounds]") {
  Fixture f;
  std::vector<std::shared_ptr<HttpBodySink>> under_way;
  const auto take_all = [&](const std::string& who, const std::string& feed) {
    size_t taken = 0;
    for (int i = 0; i < 20; ++i) {
      under_way.push_back(f.upload(who, feed));
      taken += Fixture::has_place(under_way.back()) ? 1U : 0U;
    }
    return taken;
  };
  CHECK(take_all("bob", "c2-intel") == 8);
  CHECK(take_all("eve", "phishing") == 4);
  CHECK(take_all("amy", "phishing") == 2);
  CHECK(take_all("local", "c2-intel") == 1);
  CHECK(f.ask("ops", "PUT", "/v1/feeds/c2-intel", "a.test\n")->response.status == 200);
  under_way.clear();
  CHECK(take_all("local", "c2-intel") == 8);
}

TEST_CASE("who has no place gets one from who has most", "[control][bounds]") {
  Fixture f;
  std::vector<Token> tokens;
  for (int i = 0; i < 12; ++i) {
    tokens.push_back(Fixture::token("t" + std::to_string(i), {"push:c2-intel"}));
  }
  f.set_tokens(tokens);
  std::vector<std::shared_ptr<HttpBodySink>> under_way;
  for (int i = 0; i < 12; ++i) {
    for (int more = 0; more < 20; ++more) {
      const auto upload = f.upload("t" + std::to_string(i), "c2-intel");
      const bool has_place = Fixture::has_place(upload);
      CHECK((more > 0 || has_place));
      under_way.push_back(upload);
    }
  }
}

TEST_CASE("an upload that comes too slowly, or takes too long, gives up its place", "[control][bounds]") {
  Fixture f;
  const auto upload = f.upload("bob", "c2-intel");
  const std::string kilobyte(1024, 'a');
  int kilobytes_a_second = 0;
  int lives = 0;
  SECTION("a slow one") {
    kilobytes_a_second = 1;
    lives = 40;
  }
  SECTION("one that stops") {
    kilobytes_a_second = 0;
    lives = 40;
  }
  SECTION("one that is never done") {
    kilobytes_a_second = 20;
    lives = 1000;
  }
  int lived = 0;
  for (bool is_alive = true; is_alive && lived < 2000; ++lived) {
    for (int i = 0; i < kilobytes_a_second; ++i) {
      is_alive = is_alive && upload->take(as_bytes(kilobyte));
    }
    f.time.mono += seconds{1};
    f.api.tick();
    is_alive = is_alive && upload->take({});
  }
  CHECK(lived <= lives);
  CHECK(lived >= 30);
  CHECK(std::filesystem::is_empty(f.backend.folder.path()));
}

TEST_CASE("an upload that comes as a slow line sends it is not ended", "[control][bounds]") {
  Fixture f;
  HttpRequest request = Fixture::head("bob", "PUT", "/v1/feeds/c2-intel");
  request.body_sink = f.api.body_sink(request);
  const std::string second(20 << 10, 'a');
  for (int i = 0; i < 600; ++i) {
    REQUIRE(request.body_sink->take(as_bytes(second)));
    f.time.mono += seconds{1};
    f.api.tick();
  }
  f.backend.answers_at_once = false;
  const auto answer = f.finish(std::move(request));
  f.time.mono += std::chrono::hours{1};  // that the updater takes
  f.api.tick();
  REQUIRE(f.backend.waiting.size() == 1);
  f.backend.waiting[0](f.backend.result);
  CHECK(answer->response.status == 200);
}

TEST_CASE("who follows the hits does so for as long as its token may", "[control][bounds]") {
  Fixture f;
  const auto follower = f.ask("reader", "GET", "/v1/hits?follow=1");
  const auto local = f.ask("local", "GET", "/v1/hits?follow=1");
  f.backend.hits.add(hit("first.test"));
  f.api.tick();
  CHECK_THAT(follower->streamed, Catch::Contains("first.test"));
  bool goes_on = false;
  Token reader = Fixture::token("reader", {"read"});
  SECTION("taken out") {
    f.set_tokens({});
  }
  SECTION("without the scope") {
    reader.scopes = {"push:c2-intel"};
    f.set_tokens({reader});
  }
  SECTION("with another secret") {
    reader.sha256 = sha256_hex("other");
    f.set_tokens({reader});
  }
  SECTION("with another name") {
    reader.name = "other";
    f.set_tokens({reader});
  }
  SECTION("expired") {
    reader.expires = kNoon + seconds{10};
    f.set_tokens({reader});
    f.api.tick();
    CHECK_FALSE(follower->is_finished);
    f.time.wall += seconds{10};
  }
  SECTION("as it was") {
    f.set_tokens({Fixture::token("other", {"read"}), reader});
    goes_on = true;
  }
  f.backend.hits.add(hit("second.test"));
  f.api.tick();
  CHECK((follower->streamed.find("second.test") != std::string::npos) == goes_on);
  CHECK(follower->is_finished != goes_on);
  CHECK_THAT(local->streamed, Catch::Contains("second.test"));
}

TEST_CASE("one token's followers leave places for all others", "[control][bounds]") {
  Fixture f;
  std::vector<std::shared_ptr<RecordedExchange>> followers;
  const auto follow = [&](const std::string& who, const std::string& method = "GET") {
    followers.push_back(f.ask(who, method, "/v1/hits?follow=1"));
    return followers.back()->response.status;
  };
  for (int i = 0; i < 100; ++i) {
    CHECK(follow("reader", "HEAD") == 200);  // follows nothing
    CHECK(followers.back()->answers == 1);
  }
  for (int i = 0; i < 40; ++i) {
    CHECK(follow("reader") == (i < 16 ? 200 : 503));
  }
  CHECK(follow("ops") == 200);
  CHECK(follow("local") == 200);
}

TEST_CASE("when the server stops nobody begins to follow", "[control][bounds]") {
  // As a connection does whose client has sent two such requests in a row.
  class Repeating final : public HttpResponder::Exchange {
   public:
    Repeating(Fixture& f, int more) : f_(f), more_(more) {}
    void respond(HttpResponse /*response*/) override { open_ = false; }
    void start(HttpResponse /*head*/) override {}
    void write(std::string /*chunk*/) override {}
    void finish() override {
      if (std::exchange(open_, false) && more_ > 0) {
        f_.api.serve(Fixture::head("local", "GET", "/v1/hits?follow=1"),
                     HttpResponder(std::make_shared<Repeating>(f_, more_ - 1)));
      }
    }
    [[nodiscard]] bool is_open() const override { return open_; }

   private:
    Fixture& f_;
    int more_;
    bool open_ = true;
  };
  Fixture f;
  for (int i = 0; i < 4; ++i) {
    f.api.serve(Fixture::head("local", "GET", "/v1/hits?follow=1"),
                HttpResponder(std::make_shared<Repeating>(f, 5)));
  }
  f.api.stop();
  CHECK(f.ask("local", "GET", "/v1/hits?follow=1")->response.status == 503);
}

TEST_CASE("what fails refuses its own request, and the rest goes on", "[control][bounds]") {
  Fixture f;
  f.backend.generation_list.resize(1);
  const bool is_memory = GENERATE(true, false);
  f.backend.fault = [is_memory] {
    if (is_memory) {
      throw std::bad_alloc();
    }
    throw std::runtime_error("a fault");
  };
  struct Row {
    const char* method;
    const char* target;
    const char* body;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"GET", "/metrics", ""},
           {"GET", "/v1/status", ""},
           {"GET", "/v1/feeds", ""},
           {"GET", "/v1/hits", ""},
           {"GET", "/v1/hits?follow=1", ""},
           {"GET", "/v1/explain?name=a.test", ""},
           {"GET", "/v1/generations", ""},
           {"PATCH", "/v1/feeds/c2-intel", R"({"add":["a.test"]})"},
           {"POST", "/v1/generations/0/rollback", ""},
           {"POST", "/v1/exceptions", R"({"name":"a.test","reason":"r"})"},
           {"POST", "/v1/indicators", R"({"name":"a.test","feed":"c2-intel","reason":"r"})"}}) {
    CAPTURE(row.method, row.target);
    const auto answer = f.ask("local", row.method, row.target, row.body);
    CHECK(answer->response.status == (is_memory ? 503 : 500));
    CHECK(answer->answers == 1);
  }
  CHECK_FALSE(Fixture::has_place(f.upload("local", "c2-intel")));
  f.api.tick();
  const auto first =
      f.ask("local", "PATCH", "/v1/feeds/c2-intel", R"({"add":["a.test"]})", {{"idempotency-key", "k"}});
  CHECK(first->response.status >= 500);
  f.backend.fault = [] {};
  CHECK(f.ask("local", "PATCH", "/v1/feeds/c2-intel", R"({"add":["a.test"]})", {{"idempotency-key", "k"}})
            ->response.status == 200);
}

TEST_CASE("a repeat does not wait for a request that was given up", "[control][bounds]") {
  Fixture f;
  f.backend.answers_at_once = false;
  const HttpHeaders key{{"idempotency-key", "k"}};
  const std::string body = R"({"add":["a.test"]})";
  const auto first = f.ask("bob", "PATCH", "/v1/feeds/c2-intel", body, key);
  const auto repeat = f.ask("bob", "PATCH", "/v1/feeds/c2-intel", body, key);
  CHECK(repeat->answers == 0);
  f.backend.waiting.clear();
  CHECK(repeat->response.status == 500);
  f.backend.answers_at_once = true;
  CHECK(f.ask("bob", "PATCH", "/v1/feeds/c2-intel", body, key)->response.status == 200);
}

TEST_CASE("one sender's changes and exports leave room for all others'", "[control][bounds]") {
  Fixture f;
  f.backend.answers_at_once = false;
  int taken = 0;
  for (int i = 0; i < 1000; ++i) {
    taken += f.ask("bob", "PATCH", "/v1/feeds/c2-intel", R"({"add":["a.test"]})")->answers == 0 ? 1 : 0;
  }
  CHECK(taken == 500);
  CHECK(f.ask("eve", "PATCH", "/v1/feeds/phishing", R"({"add":["a.test"]})")->answers == 0);
  f.backend.waiting.clear();
  CHECK(f.ask("bob", "PATCH", "/v1/feeds/c2-intel", R"({"add":["a.test"]})")->answers == 0);
}

TEST_CASE("a list of what is held has a bound, and says what it leaves out", "[control][bounds]") {
  Fixture f;
  f.backend.held_list.entries.resize(10'005, {"c2-intel", {1, "google.com", "top_site", true, "exact", ""}});
  f.backend.held_list.entries.push_back({"phishing", {1, "bing.com", "top_site", true, "exact", ""}});
  const auto held = [&](const std::string& query) {
    return Json::parse(f.ask("reader", "GET", "/v1/held" + query)->response.body);
  };
  CHECK(held("")["entries"].size() == 10'000);
  CHECK(held("")["left_out"] == 6);
  CHECK(held("?feed=phishing")["entries"].size() == 1);
  CHECK(held("?feed=phishing")["left_out"] == 0);
}

TEST_CASE("who does not read its answers gets no more of them", "[control][bounds]") {
  UnsentAnswers answers;
  std::vector<std::shared_ptr<RecordedExchange>> waiting;
  const auto give = [&](const std::string& who, size_t bytes) {
    if (!answers.has_room(who, bytes)) {
      return false;
    }
    waiting.push_back(std::make_shared<RecordedExchange>());
    waiting.back()->is_read = false;
    waiting.back()->response.body.resize(bytes);
    answers.add(who, HttpResponder(waiting.back()));
    return true;
  };
  CHECK(give("reader", 100 * kMiB));
  CHECK_FALSE(give("reader", 160 * kMiB));
  CHECK(give("reader", 1000));
  CHECK(give("ops", 200 * kMiB));
  CHECK_FALSE(give("ops", kMiB));
  CHECK(give("local", kMiB));
  waiting[0]->is_read = true;
  CHECK(give("reader", 20 * kMiB));
  for (const auto& one : waiting) {
    one->is_read = true;
  }
  CHECK(give("ops", 20 * kMiB));
}

TEST_CASE("one sender takes a part of the web thread's time", "[control][bounds]") {
  Fixture f;
  f.backend.fault = [&] { f.time.mono += milliseconds{300}; };
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    answered += f.ask("reader", "GET", "/v1/generations")->response.status == 200 ? 1 : 0;
  }
  CHECK(answered == 5);  // 1 s, and a quarter of what has passed
  CHECK(f.ask("reader", "GET", "/v1/generations")->response.status == 429);
  CHECK(f.ask("ops", "GET", "/v1/generations")->response.status == 200);
  CHECK(f.ask("local", "GET", "/v1/generations")->response.status == 200);
  f.time.mono += seconds{2};
  CHECK(f.ask("reader", "GET", "/v1/generations")->response.status == 200);
}

TEST_CASE("without a token only a name of ours is answered", "[control][bounds]") {
  Fixture f;

  ControlSettings settings;
  settings.hosts = {"cenote.corp.example"};
  f.api.configure(settings);

  struct Row {
    const char* host;
    int status;
  };
  const auto row = GENERATE(values<Row>({{"127.0.0.1", 200},
                                         {"::1", 200},
                                         {"10.0.0.53", 200},
                                         {"localhost", 200},
                                         {"localhost.", 200},
                                         {"", 200},
                                         {"cenote.corp.example", 200},
                                         {"cenote.corp.example.", 200},
                                         {"evil.example", 421},
                                         {"127.0.0.1.evil.example", 421},
                                         {"localhost.evil.example", 421},
                                         {"cenote", 421}}));
  CAPTURE(row.host);
  for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
    HttpRequest request = Fixture::head("", "GET", path);
    request.host = row.host;
    CHECK(f.finish(request)->response.status == row.status);
    request.over_tls = true;  // the browser has compared the certificate's name
    CHECK(f.finish(request)->response.status == 200);
    request.over_tls = false;
    request.over_unix_socket = true;
    CHECK(f.finish(request)->response.status == 200);
    request.over_unix_socket = false;
    request.headers.emplace_back("authorization", "Bearer reader-secret");
    CHECK(f.finish(request)->response.status == 200);
  }
}

TEST_CASE("a preview tells what people ask for to those alone who may read it", "[control][bounds]") {
  Fixture f;
  f.backend.traffic = {{"intranet.corp.example", Action::kPass, Action::kSinkhole, 3}};
  CHECK_THAT(f.ask("ops", "PUT", "/v1/feeds/c2-intel?dry_run=1", "a.test\n")->response.body,
             Catch::Contains("intranet"));
  CHECK_THAT(f.ask("local", "PUT", "/v1/feeds/c2-intel?dry_run=1", "a.test\n")->response.body,
             Catch::Contains("intranet"));
  const auto pushed = f.ask("bob", "PUT", "/v1/feeds/c2-intel?dry_run=1", "a.test\n");
  CHECK(pushed->response.status == 200);
  CHECK_THAT(pushed->response.body, !Catch::Contains("intranet"));
}

}  // namespace cenote::bounds_test
