#include "blockpage/site.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/blockpage/page_fixture.h"

namespace cenote::site_test {
using Catch::Contains;

namespace {

class FakeExchange final : public HttpResponder::Exchange {
 public:
  void respond(HttpResponse response) override { answer = std::move(response); }
  void start(HttpResponse /*head*/) override { FAIL("the page comes whole"); }
  void write(std::string /*chunk*/) override { FAIL("the page comes whole"); }
  void finish() override { FAIL("the page comes whole"); }
  [[nodiscard]] bool is_open() const override { return true; }

  std::optional<HttpResponse> answer;
};

class OneIncident final : public IncidentSource {
 public:
  std::optional<Incident> find(const IpAddress& client, const Name& host, Now /*time*/) override {
    asked.push_back(host.to_text());
    return client == incident.client && host == incident.host ? std::optional(incident) : std::nullopt;
  }
  Incident incident = page_incident();
  std::vector<std::string> asked;
};

Now fixed_time() {
  Now time;
  parse_wall_time("2026-11-22T10:20:00Z", time.wall);
  return time;
}

class Fixture {
 public:
  Fixture()
      : site(
            page_settings(), std::move(*Page::load(page_settings())), incidents,
            [this](const Event& event) { shown.push_back(event); }, fixed_time) {}

  HttpResponse ask(HttpRequest request) {
    const auto exchange = std::make_shared<FakeExchange>();
    site.serve(std::move(request), HttpResponder(exchange));
    REQUIRE(exchange->answer);
    return *exchange->answer;
  }

  static HttpRequest request(HttpHeaders headers = {{"accept", "text/html"}}, std::string method = "GET") {
    HttpRequest made;
    made.method = std::move(method);
    made.path = "/";
    made.host = "c2.example";
    made.headers = std::move(headers);
    made.client = *SocketAddress::from_text("192.0.2.7:50000");
    return made;
  }

  OneIncident incidents;
  std::vector<Event> shown;
  BlockSite site;
};

std::string header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a page view is explained and recorded", "[blockpage][site]") {
  HttpRequest view = request();
  view.over_tls = true;
  const HttpResponse response = ask(view);
  CHECK(response.status == 403);
  CHECK_THAT(response.body, Contains("7K4QW-9XM2D"));
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].transport == Transport::kHttps);
  CHECK(shown[0].incident == incidents.incident.id);
  CHECK(shown[0].name == incidents.incident.host);
  CHECK(shown[0].client == view.client);
  CHECK(shown[0].time == fixed_time().wall);
  CHECK(shown[0].type == 0);
  CHECK(shown[0].verdict.feed.view() == "c2-intel");
  ask(request());
  CHECK(shown[1].transport == Transport::kHttp);
  CHECK(site.pages() == 2);
}

TEST_CASE_METHOD(Fixture, "what nobody sees is not recorded as seen", "[blockpage][site]") {
  ask(request({{"accept", "application/json"}}));
  ask(request({{"accept", "image/png"}}));
  ask(request({{"accept", "text/html"}}, "HEAD"));
  ask(request({}, "POST"));
  CHECK(shown.empty());
  CHECK(site.small_answers() == 3);
}

TEST_CASE_METHOD(Fixture, "a host that is not blocked for this client is told so", "[blockpage][site]") {
  HttpRequest other_host = request();
  other_host.host = "free.example";
  HttpRequest other_client = request();
  other_client.client = *SocketAddress::from_text("192.0.2.8:50000");
  for (const HttpRequest& stray : {other_host, other_client}) {
    const HttpResponse response = ask(stray);
    CHECK(response.status == 421);
    CHECK_THAT(response.body, !Contains("example"));
  }
  CHECK(shown.empty());
  CHECK(site.not_blocked() == 2);
}

TEST_CASE_METHOD(Fixture, "what is no host name is not looked up", "[blockpage][site]") {
  for (const std::string& host : {std::string(), std::string("c2\\.example"), std::string("a..b"),
                                  std::string(300, 'a'), std::string("\\099\\050.example")}) {
    HttpRequest odd = request();
    odd.host = host;
    CHECK(ask(odd).status == 421);
  }
  CHECK(incidents.asked.empty());
}

TEST_CASE_METHOD(Fixture, "the language is the browser's, or the one that was clicked", "[blockpage][site]") {
  const auto [accept, query, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"", "", "ja"},
      {"en-US,en;q=0.9", "", "en"},
      {"de", "", "ja"},
      {"en", "lang=ja", "ja"},
      {"ja", "lang=en", "en"},
      {"en", "lang=xx", "en"},
      {"ja", "lang=%3Cscript%3E", "ja"},
      {"ja", "a=1&lang=en&b=2", "en"},
  }));
  HttpRequest view = request({{"accept", "text/html"}, {"accept-language", accept}});
  view.query = query;
  CHECK(header(ask(view), "content-language") == expected);
}

TEST_CASE_METHOD(Fixture, "nothing of the request but its host is in the page", "[blockpage][site]") {
  HttpRequest view = request({{"accept", "text/html"},
                              {"referer", "http://MARK.example/"},
                              {"user-agent", "MARK"},
                              {"cookie", "MARK"}});
  view.path = "/MARK";
  view.query = "MARK=MARK&lang=MARK";
  view.body = "MARK";
  CHECK_THAT(ask(view).body, !Contains("MARK", Catch::CaseSensitive::No));
}

TEST_CASE_METHOD(Fixture, "a script gets the same incident as JSON", "[blockpage][site]") {
  incidents.incident.verdict.threat = std::string_view("<b>\"\xff\n");
  const HttpResponse response = ask(request({{"accept", "application/json"}}));
  CHECK(response.status == 403);
  CHECK(header(response, "content-type") == "application/json");
  CHECK(header(response, "cache-control") == "no-store");
  const auto json = nlohmann::json::parse(response.body);
  CHECK(json["blocked"] == true);
  CHECK(json["incident"] == "7K4QW-9XM2D");
  CHECK(json["category"] == "c2");
  CHECK(json["host"] == "c2.example");
  CHECK(json["threat"] == "<b>\"\\xff\\x0a");
  CHECK(json["contact"]["mail"] == "csirt@example.co.jp");
}

TEST_CASE_METHOD(Fixture, "parts of other pages get a small answer of their own kind", "[blockpage][site]") {
  const auto [destination, type] = GENERATE(table<std::string, std::string>({
      {"image", "image/svg+xml"},
      {"script", "text/javascript"},
      {"style", "text/css"},
      {"font", "font/woff2"},
      {"audio", ""},
  }));
  const HttpResponse response = ask(request({{"accept", "*/*"}, {"sec-fetch-dest", destination}}));
  CHECK(response.status == 403);
  CHECK(header(response, "content-type") == type);
  CHECK(header(response, "x-content-type-options") == "nosniff");
  CHECK(response.body.empty() == (destination != "image"));
  CHECK(response.body.size() < 500);
}

TEST_CASE_METHOD(Fixture, "a CORS preflight is refused without any permission", "[blockpage][site]") {
  const HttpResponse response =
      ask(request({{"origin", "https://a.example"}, {"access-control-request-method", "PUT"}}, "OPTIONS"));
  CHECK(response.status == 403);
  CHECK(response.body.empty());
  for (const auto& [name, value] : response.headers) {
    CHECK_THAT(name, !Catch::StartsWith("access-control-"));
  }
}

TEST_CASE_METHOD(Fixture, "what a beacon posts is read only so far", "[blockpage][site]") {
  CHECK(site.body_limit(request({}, "POST")) == 64 * 1024);
}

}  // namespace cenote::site_test
