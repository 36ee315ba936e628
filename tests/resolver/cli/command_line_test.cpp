#include "resolver/cli/command_line.h"

#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "resolver/net/digest.h"

namespace cenote::command_line_test {
namespace {

// Answers what a test laid out, in order, and remembers what it was asked.
struct Script {
  std::deque<Result<ApiResponse>> answers;
  std::vector<ApiRequest> requests;
  std::vector<std::string> pieces;
  ServerAddress address;
};

class FakeTransport final : public ApiTransport {
 public:
  explicit FakeTransport(Script& script) : script_(script) {}
  Result<ApiResponse> exchange(const ApiRequest& request) override {
    script_.requests.push_back(request);
    if (request.stream) {
      std::ostringstream sent;
      sent << request.stream->rdbuf();
      script_.requests.back().body = sent.str();
      if (request.on_sent) {
        request.on_sent(sent.str().size() / 2);
        request.on_sent(sent.str().size());
      }
    }
    REQUIRE_FALSE(script_.answers.empty());
    auto answer = std::move(script_.answers.front());
    script_.answers.pop_front();
    return answer;
  }
  Result<ApiResponse> follow(const ApiRequest& request,
                             const std::function<bool(std::string_view)>& on_piece) override {
    for (const std::string& piece : script_.pieces) {
      if (!on_piece(piece)) {
        break;
      }
    }
    return exchange(request);
  }

 private:
  Script& script_;
};

struct Run {
  int code;
  std::string out;
  std::string err;
};

Run run(const std::vector<std::string>& arguments, Script& script, bool has_colours = false) {
  Commands commands;
  commands.serve = [](const std::string& config) { return config == "good.yaml" ? 0 : 1; };
  commands.check = [](const std::string& config, bool is_json) {
    return config == "good.yaml" && is_json ? 0 : 1;
  };
  commands.connect = [&](const ServerAddress& address) -> Result<std::unique_ptr<ApiTransport>> {
    script.address = address;
    return std::unique_ptr<ApiTransport>(std::make_unique<FakeTransport>(script));
  };
  std::vector<const char*> argv{"cenote"};
  for (const std::string& argument : arguments) {
    argv.push_back(argument.c_str());
  }
  std::ostringstream out;
  std::ostringstream err;
  const int code =
      run_command_line(static_cast<int>(argv.size()), argv.data(), commands, out, err, has_colours);
  return {code, out.str(), err.str()};
}

Run run(const std::vector<std::string>& arguments, const std::string& body, int status = 200) {
  Script script;
  script.answers.emplace_back(ApiResponse{status, body});
  return run(arguments, script);
}

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "cenote-cli-XXXXXX").string();
    const int file = mkstemp(pattern.data());
    REQUIRE(file >= 0);
    close(file);
    path = pattern;
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { std::remove(path.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  std::string path;
};

const char* const kChange =
    R"({"generation":12,"added":2,"removed":1,"unchanged":5,"rejected":1,"held":0,)"
    R"("rejects":[{"line":7,"reason":"bad_char","held":false,"text":"bad\u001b[2J"}]})";

}  // namespace

TEST_CASE("a wrong command line is exit code 2 and says what was wrong", "[cli][command_line]") {
  struct Row {
    std::vector<std::string> arguments;
    std::string says;
  };
  const auto row = GENERATE(values<Row>({
      {{}, "a command is required"},
      {{"frobnicate"}, "there is no command 'cenote frobnicate'"},
      {{"staus"}, "did you mean 'status'?"},
      {{"feed", "hled"}, "there is no command 'cenote feed hled'; did you mean 'held'?"},
      {{"feed", "release", "c2"}, "say what is meant"},
      {{"feed", "release", "c2", "a.test", "--all"}, "say what is meant"},
      {{"feed"}, "a command is required"},
      {{"feed", "psuh"}, "psuh"},
      {{"feed", "push", "c2"}, "FILE is required"},
      {{"explain"}, "NAME is required"},
      {{"check"}, "--config is required"},
      {{"status", "extra"}, "extra"},
      {{"hits", "--limit", "0"}, "--limit"},
      {{"ioc", "add", "a.test"}, "is required"},
      {{"feed", "check", "x", "--scope", "all"}, "--scope"},
      {{"allow", "a.test"}, "allow needs a NAME and a --reason"},
      {{"allow"}, "allow needs a NAME"},
      {{"allow", "a.test", "--reason", "r", "--client", "10.0.0.1", "--group", "lab"}, "exclude"},
      {{"status", "--socket", "/s", "--server", "http://h"}, "exclude"},
      {{"token", "create", "x", "--scope", "write"}, "none of read"},
      {{"token", "create", "x", "--scope", "read", "--expires", "soon"}, "no date"},
      {{"token", "create", "a: b", "--scope", "read"}, "the token's name"},
  }));
  Script script;
  const Run result = run(row.arguments, script);
  CAPTURE(row.arguments, result.out);
  CHECK(result.code == 2);
  CHECK_THAT(result.err, Catch::Contains(row.says));
  CHECK(script.requests.empty());
}

TEST_CASE("every command explains itself with an example", "[cli][command_line]") {
  const auto arguments = GENERATE(values<std::vector<std::string>>({
      {"serve"},
      {"check"},
      {"feed", "check"},
      {"feed", "list"},
      {"feed", "push"},
      {"feed", "diff"},
      {"feed", "refresh"},
      {"feed", "rollback"},
      {"feed", "generations"},
      {"feed", "rejects"},
      {"feed", "held"},
      {"feed", "release"},
      {"feed", "refuse"},
      {"feed", "promote"},
      {"audit"},
      {"audit", "verify"},
      {"ioc", "add"},
      {"ioc", "remove"},
      {"ioc", "find"},
      {"ioc", "export"},
      {"allow"},
      {"allow", "list"},
      {"allow", "remove"},
      {"explain"},
      {"hits"},
      {"why"},
      {"status"},
      {"ready"},
      {"token", "create"},
  }));
  auto with_help = arguments;
  with_help.emplace_back("--help");
  Script script;
  const Run result = run(with_help, script);
  CAPTURE(arguments);
  CHECK(result.code == 0);
  std::string command = "cenote";
  for (const std::string& word : arguments) {
    command += " " + word;
  }
  CHECK_THAT(result.out, Catch::Contains("Example:\n  " + command));
  if (arguments[0] != "serve") {
    CHECK_THAT(result.out, Catch::Contains("--json"));
  }
}

TEST_CASE("serve and check are left to main", "[cli][command_line]") {
  Script script;
  CHECK(run({"serve", "--config", "good.yaml"}, script).code == 0);
  CHECK(run({"serve"}, script).code == 1);
  CHECK(run({"check", "--config", "good.yaml", "--json"}, script).code == 0);
  CHECK(run({"check", "--config", "bad.yaml"}, script).code == 1);
}

TEST_CASE("ready tells by its exit code whether clients may be sent there", "[cli][command_line]") {
  Script script;
  script.answers.emplace_back(
      ApiResponse{200, R"({"ready":true,"stale_feeds":[{"feed":"x","why":"never came"}]})"});
  script.answers.emplace_back(ApiResponse{
      503, R"({"ready":false,"resolution":{"why":["no upstream answers worker 0"]},"policy":{"why":[7]}})"});
  script.answers.emplace_back(ApiResponse{421, R"({"error":{"message":"another name"}})"});
  Run result = run({"ready"}, script);
  CHECK(result.code == 0);
  CHECK(result.out == "ready\n  feed x: never came\n");
  result = run({"ready", "--fresh"}, script);
  CHECK(result.code == 1);
  CHECK(result.out == "not ready\n  resolution: no upstream answers worker 0\n  policy: \n");
  result = run({"ready"}, script);
  CHECK(result.code == 1);
  CHECK_THAT(result.err, Catch::Contains("another name"));
}

TEST_CASE("the server is found by socket, or by URL and token", "[cli][command_line]") {
  Script script;
  script.answers.emplace_back(ApiResponse{200, "{}"});
  script.answers.emplace_back(ApiResponse{200, "{}"});
  CHECK(run({"status", "--socket", "/s.sock"}, script).code == 0);
  CHECK(script.address.socket == "/s.sock");
  CHECK(run({"status", "--server", "https://h:1", "--token-file", "t"}, script).code == 0);
  CHECK(script.address.url == "https://h:1");
  CHECK(script.address.token_file == "t");
}

TEST_CASE("a push sends the file and shows what it did, with nothing that moves the terminal",
          "[cli][command_line]") {
  const TemporaryFile file("a.test\nb.test\n");
  Script script;
  script.answers.emplace_back(ApiResponse{200, kChange});
  const Run result =
      run({"feed", "push", "c2 intel", file.path, "--format", "hosts", "--idempotency-key", "k"}, script);
  CHECK(result.code == 0);
  REQUIRE(script.requests.size() == 1);
  CHECK(script.requests[0].method == "PUT");
  CHECK(script.requests[0].target == "/v1/feeds/c2%20intel?format=hosts");
  CHECK(script.requests[0].body == "a.test\nb.test\n");
  CHECK(script.requests[0].headers.back() == std::pair<std::string, std::string>("Idempotency-Key", "k"));
  CHECK(result.out ==
        "in force: generation 12\n"
        "  added 2, removed 1, unchanged 5, rejected 1, held 0\n"
        "LINE            REASON    TEXT\n"
        "   7  rejected  bad_char  bad\\x1b[2J\n");
}

TEST_CASE(
    "a push tells the length of a file, sends what standard input brings, and shows how far a large one is",
    "[cli][command_line]") {
  Script script;
  for (int i = 0; i < 3; ++i) {
    script.answers.emplace_back(ApiResponse{200, kChange});
  }
  const TemporaryFile empty("");
  CHECK(run({"feed", "push", "c2", empty.path}, script).err.empty());
  CHECK(script.requests[0].stream_size == 0);
  std::istringstream input("a.test\n");
  std::streambuf* const terminal = std::cin.rdbuf(input.rdbuf());
  CHECK(run({"feed", "push", "c2", "-"}, script).code == 0);
  std::cin.rdbuf(terminal);
  CHECK_FALSE(script.requests[1].stream_size);
  CHECK(script.requests[1].body == "a.test\n");
  const TemporaryFile large(std::string(5 << 20, '\n'));
  const Run shown = run({"feed", "push", "c2", large.path}, script);
  CHECK(script.requests[2].stream_size == 5 << 20);
  CHECK_THAT(shown.err, Catch::Contains("sending") && Catch::Contains("being built"));
}

TEST_CASE("a diff changes nothing, and a file that is not there is named", "[cli][command_line]") {
  const TemporaryFile file("a.test\n");
  Script script;
  script.answers.emplace_back(ApiResponse{200, kChange});
  const Run result = run({"feed", "diff", "c2", file.path}, script);
  CHECK(script.requests[0].target == "/v1/feeds/c2?dry_run=1");
  CHECK_THAT(result.out, Catch::StartsWith("nothing changed"));
  const Run missing = run({"feed", "push", "c2", "/nonexistent/list"}, script);
  CHECK(missing.code == 1);
  CHECK_THAT(missing.err, Catch::Contains("/nonexistent/list"));
  CHECK(run({"feed", "push", "c2", "/"}, script).code == 1);
}

TEST_CASE("with --json a command prints the answer as it came, errors too", "[cli][command_line]") {
  const Run good = run({"feed", "list", "--json"}, "{\"feeds\":[]}\n");
  CHECK(good.code == 0);
  CHECK(good.out == "{\"feeds\":[]}\n");
  const Run bad =
      run({"feed", "rejects", "x", "--json"}, R"({"error":{"code":"unknown_feed","message":"m"}})", 404);
  CHECK(bad.code == 1);
  CHECK(bad.out == R"({"error":{"code":"unknown_feed","message":"m"}})");
}

TEST_CASE("what goes wrong is one line on standard error and exit code 1", "[cli][command_line]") {
  struct Row {
    Result<ApiResponse> answer;
    std::string says;
  };
  const auto row = GENERATE(values<Row>({
      {ApiResponse{404, R"({"error":{"code":"x","message":"no such\u001b[31m feed"}})"},
       "cenote: no such\\x1b[31m feed\n"},
      {ApiResponse{502, "<html>bad gateway"}, "cenote: the server answered 502 <html>bad gateway\n"},
      {ApiResponse{413, ""}, "is the token right?"},
      {ApiResponse{200, "not json"}, "no JSON object"},
      {Error{"/run/x.sock: Couldn't connect to server"}, "cenote: /run/x.sock: Couldn't connect"},
  }));
  Script script;
  script.answers.push_back(row.answer);
  const Run result = run({"status"}, script);
  CHECK(result.code == 1);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, Catch::Contains(row.says));
}

TEST_CASE("an answer of another shape is shown as empty, never a crash", "[cli][command_line]") {
  const std::string body =
      GENERATE(as<std::string>{}, "{}", R"({"feeds":5,"hits":{},"steps":"x","match":[1],"newest":7})",
               R"({"feeds":[1,null,"x",[]],"hits":[[]],"steps":[null],"match":null,"newest":[]})",
               R"({"generations":[{}],"rejects":[7],"upstreams":[true],"listeners":[1],"queries":3})");
  const auto arguments = GENERATE(values<std::vector<std::string>>({{"status"},
                                                                    {"feed", "list"},
                                                                    {"feed", "generations"},
                                                                    {"feed", "rejects", "x"},
                                                                    {"hits"},
                                                                    {"why", "x"},
                                                                    {"explain", "x"},
                                                                    {"allow", "list"},
                                                                    {"allow", "remove", "x"}}));
  CAPTURE(body, arguments);
  CHECK(run(arguments, body).code == 0);
}

TEST_CASE("a rollback without a number takes the newest earlier generation", "[cli][command_line]") {
  Script script;
  script.answers.emplace_back(ApiResponse{
      200,
      R"({"generations":[{"generation":9,"current":true},{"generation":8},{"generation":7,"can_roll_back":true}]})"});
  script.answers.emplace_back(ApiResponse{200, kChange});
  CHECK(run({"feed", "rollback"}, script).code == 0);
  CHECK(script.requests[1].method == "POST");
  CHECK(script.requests[1].target == "/v1/generations/7/rollback");
  script.answers.emplace_back(ApiResponse{200, R"({"generations":[{"generation":9,"current":true}]})"});
  CHECK(run({"feed", "rollback"}, script).code == 1);
  script.answers.emplace_back(ApiResponse{200, kChange});
  CHECK(run({"feed", "rollback", "41"}, script).code == 0);
  CHECK(script.requests.back().target == "/v1/generations/41/rollback");
}

TEST_CASE("single indicators and exceptions are sent as JSON", "[cli][command_line]") {
  struct Row {
    std::vector<std::string> arguments;
    std::string method;
    std::string target;
    std::string body;
  };
  const auto row = GENERATE(values<Row>({
      {{"ioc", "add", "evil.test", "--feed", "soc", "--category", "c2", "--reason", "case 1", "--until",
        "2027-03-31", "--exact"},
       "POST",
       "/v1/indicators",
       R"({"name":"evil.test","feed":"soc","reason":"case 1","category":"c2","until":"2027-03-31","exact":true})"},
      {{"ioc", "remove", "192.0.2.0/24", "--feed", "soc"},
       "DELETE",
       "/v1/indicators/192.0.2.0%2F24?feed=soc",
       ""},
      {{"allow", "a.test", "--for", "1h", "--client", "10.0.0.0/8", "--reason", "r"},
       "POST",
       "/v1/exceptions",
       R"({"name":"a.test","reason":"r","for":"1h","client":"10.0.0.0/8"})"},
      {{"allow", "a.test", "--group", "lab", "--reason", "r"},
       "POST",
       "/v1/exceptions",
       R"({"name":"a.test","reason":"r","group":"lab"})"},
      {{"allow", "remove", "a.test"}, "DELETE", "/v1/exceptions/a.test", ""},
      {{"feed", "refresh", "c2"}, "POST", "/v1/feeds/c2/refresh", ""},
  }));
  Script script;
  script.answers.emplace_back(ApiResponse{200, kChange});
  CHECK(run(row.arguments, script).code == 0);
  REQUIRE(script.requests.size() == 1);
  CHECK(script.requests[0].method == row.method);
  CHECK(script.requests[0].target == row.target);
  CHECK(script.requests[0].body == row.body);
}

TEST_CASE("whom an exception is for is listed and explained", "[cli][command_line]") {
  Script script;
  script.answers.emplace_back(ApiResponse{
      200,
      R"({"exceptions":[{"name":"a.test","client":null,"group":"lab"},{"name":"b.test","client":"10.0.0.0/8"},
      {"name":"c.test"}]})"});
  const Run listed = run({"allow", "list"}, script);
  CHECK_THAT(listed.out, Catch::Matches("[^]*a.test +suffix +group lab [^]*"
                                        "b.test +suffix +10.0.0.0/8 [^]*c.test +suffix +everybody [^]*"));
  script.answers.emplace_back(ApiResponse{
      200, R"({"name":"a.test","verdict":"sinkhole","steps":[{"fate":"other-client","note":"case 1",
      "group":"lab"},{"fate":"won","threat":"Example","client":null,"group":null}]})"});
  const Run explained = run({"explain", "a.test"}, script);
  CHECK_THAT(explained.out, Catch::Contains("case 1 (for group lab)\n") && Catch::Contains("Example\n"));
}

TEST_CASE("a list that comes in pages is shown whole", "[cli][command_line]") {
  for (const bool is_json : {false, true}) {
    Script script;
    script.answers.emplace_back(
        ApiResponse{200, R"({"next":"a.test suffix","exceptions":[{"name":"a.test"}]})"});
    script.answers.emplace_back(ApiResponse{200, R"({"next":null,"exceptions":[{"name":"b.test"}]})"});
    const Run listed = is_json ? run({"allow", "list", "--json"}, script) : run({"allow", "list"}, script);
    CHECK(listed.code == 0);
    REQUIRE(script.requests.size() == 2);
    CHECK(script.requests[1].target == "/v1/exceptions?after=a.test%20suffix");
    CHECK_THAT(listed.out, Catch::Contains("a.test") && Catch::Contains("b.test"));
    CHECK((!is_json || nlohmann::json::parse(listed.out)["exceptions"].size() == 2));
  }
}

TEST_CASE("what is held is shown with its reason, released and refused", "[cli][command_line]") {
  Script script;
  script.answers.emplace_back(
      ApiResponse{200, R"({"entries":[{"line":2,"reason":"top_site","held":true,"text":"google.com",
      "scope":"suffix","why":"would block google.com","feed":"c2"}],"changes":[{"feed":"c2","guard":"shrink",
      "why":"shrinks from 9 to 1","what":"push c2","who":"bob","time":"2026-11-22T12:00:00Z"}]})"});
  const Run shown = run({"feed", "held", "c2"}, script);
  CHECK(shown.code == 0);
  CHECK(script.requests[0].target == "/v1/held?feed=c2");
  CHECK_THAT(shown.out, Catch::Contains("google.com") && Catch::Contains("top_site") &&
                            Catch::Contains("shrinks from 9 to 1") && Catch::Contains("release c2 --change"));
  script.answers.emplace_back(ApiResponse{200, kChange});
  CHECK(run({"feed", "release", "c2", "google.com", "--reason", "case 1"}, script).code == 0);
  CHECK(script.requests[1].target == "/v1/feeds/c2/release");
  CHECK(script.requests[1].body == R"({"names":["google.com"],"reason":"case 1"})");
  script.answers.emplace_back(ApiResponse{200, kChange});
  CHECK(run({"feed", "refuse", "c2", "--change"}, script).code == 0);
  CHECK(script.requests[2].target == "/v1/feeds/c2/refuse");
  CHECK(script.requests[2].body == R"({"change":true})");
}

TEST_CASE("a promotion shows what would have been blocked, and is done only when asked",
          "[cli][command_line]") {
  Script script;
  script.answers.emplace_back(
      ApiResponse{200, R"({"hits":[{"feed":"new","action":"monitor","name":"a.test","client":"10.0.0.1"},
      {"feed":"new","action":"monitor","name":"a.test","client":"10.0.0.2"},
      {"feed":"old","action":"monitor","name":"b.test","client":"10.0.0.2"}]})"});
  const Run shown = run({"feed", "promote", "new"}, script);
  CHECK(shown.code == 0);
  CHECK_THAT(shown.out, Catch::Contains("would have blocked 1 name\n") && Catch::Contains("a.test") &&
                            !Catch::Contains("b.test") && Catch::Contains("nothing changed"));
  CHECK(script.requests.size() == 1);
  script.answers.emplace_back(ApiResponse{200, kChange});
  CHECK(run({"feed", "promote", "new", "--yes", "--force"}, script).code == 0);
  CHECK(script.requests[1].target == "/v1/feeds/new/promote?force=1");
}

TEST_CASE("the record of changes is shown, and checked without a server", "[cli][command_line]") {
  Script script;
  script.answers.emplace_back(
      ApiResponse{200, R"({"entries":[{"number":7,"time":"2026-11-22T12:00:00Z","who":"bob",
      "what":"push c2","outcome":"done","generation":3,"added":2,"removed":1,"why":""}],"last":7,"head":"00"})"});
  const Run shown = run({"audit", "--limit", "5"}, script);
  CHECK(shown.code == 0);
  CHECK(script.requests[0].target == "/v1/audit?limit=5");
  CHECK_THAT(shown.out, Catch::Contains("bob") && Catch::Contains("push c2"));
  const TemporaryFile bad("{\"number\":2}\n");
  const Run verified = run({"audit", "verify", bad.path}, script);
  CHECK(verified.code == 1);
  CHECK_THAT(verified.err, Catch::Contains("line 1 does not follow"));
  const TemporaryFile none("");
  CHECK(run({"audit", "verify", none.path}, script).code == 0);
  CHECK(script.requests.size() == 1);
}

TEST_CASE("a name that no feed lists is exit code 1", "[cli][command_line]") {
  const std::string listed = R"({"entries":[{"indicator":"evil.test","feed":"c2","action":"sinkhole"}]})";
  CHECK(run({"ioc", "find", "www.evil.test"}, listed).code == 0);
  CHECK(run({"ioc", "find", "good.test"}, R"({"entries":[]})").code == 1);
  CHECK(run({"ioc", "find", "good.test", "--json"}, R"({"entries":[]})").code == 1);
}

TEST_CASE("explain shows the verdict, its reason and the way to it", "[cli][command_line]") {
  const Run result =
      run({"explain", "www.evil.test"}, R"({"name":"www.evil.test","type":"A","client":"127.0.0.1",
    "may_ask":true,"group":null,"verdict":"sinkhole","generation":12,
    "match":{"kind":"qname","indicator":"evil.test","scope":"suffix","feed":"c2","category":"c2","confidence":90,"threat":"例"},
    "steps":[{"feed":"c2","indicator":"evil.test","scope":"suffix","category":"c2","action":"sinkhole","fate":"won","confidence":90,"threat":"例"}]})");
  CHECK(result.code == 0);
  CHECK(result.out ==
        "www.evil.test A for 127.0.0.1\n"
        "  verdict    sinkhole\n"
        "  generation 12\n"
        "  because    c2 lists evil.test and everything below it\n"
        "  category   c2\n"
        "  confidence 90\n"
        "  threat     例\n"
        "FATE  INDICATOR  SCOPE   FEED  CATEGORY  ACTION    CONFIDENCE  THREAT\n"
        "won   evil.test  suffix  c2    c2        sinkhole          90  例\n");
}

TEST_CASE("explain asks for a client as the server would see it", "[cli][command_line]") {
  Script script;
  script.answers = {
      ApiResponse{200, R"({"name":"a.test","type":"A","client":"192.0.2.1","client_name":"kiosk-7",
    "by_certificate":true,"may_ask":true,"group":"kiosks","verdict":"pass","generation":12,"steps":[]})"}};
  const Run result = run(
      {"explain", "a.test", "--client", "192.0.2.1", "--client-name", "kiosk-7", "--by-certificate"}, script);
  REQUIRE(script.requests.size() == 1);
  CHECK(script.requests[0].target ==
        "/v1/explain?name=a.test&client=192.0.2.1&client_name=kiosk-7&by_certificate=1");
  CHECK(result.out ==
        "a.test A for 192.0.2.1\n"
        "  verdict    pass\n"
        "  generation 12\n"
        "  known as   kiosk-7\n"
        "  shows      a certificate\n"
        "  group      kiosks\n"
        "no feed lists it or a name above it\n");
}

TEST_CASE("hits are followed line by line however the pieces fall", "[cli][command_line]") {
  Script script;
  const std::string hit =
      R"({"number":1,"time":"2026-11-22T12:00:00Z","client":"10.0.0.1","name":"a.test","type":"A","action":"sinkhole"})";
  script.pieces = {hit.substr(0, 10), hit.substr(10) + "\n\n" + hit, "\n"};
  script.answers.emplace_back(ApiResponse{200, ""});
  const Run result =
      run({"hits", "--follow", "--client", "10.0.0.0/8", "--client-name", "*.lab.example", "--json"}, script);
  CHECK(result.code == 0);
  CHECK(result.out == hit + "\n" + hit + "\n");
  CHECK(script.requests[0].target == "/v1/hits?follow=1&client=10.0.0.0%2F8&client_name=%2A.lab.example");
  script.answers.emplace_back(ApiResponse{200, ""});
  const Run shown = run({"hits", "-f"}, script);
  CHECK(std::count(shown.out.begin(), shown.out.end(), '\n') == 2);
  CHECK_THAT(shown.out, Catch::Contains("10.0.0.1 a.test A sinkhole"));
}

TEST_CASE("a stream that never ends a line is given up", "[cli][command_line]") {
  Script script;
  script.pieces.assign(3, std::string(700'000, 'x'));
  script.answers.emplace_back(ApiResponse{200, ""});
  CHECK(run({"hits", "--follow"}, script).out.empty());
}

TEST_CASE("colours are for terminals alone", "[cli][command_line]") {
  const std::string body = R"({"feeds":[{"name":"c2","action":"sinkhole"}]})";
  Script script;
  script.answers.emplace_back(ApiResponse{200, body});
  CHECK_THAT(run({"feed", "list"}, script, true).out, Catch::Contains("\x1b[31msinkhole\x1b[0m"));
  CHECK_THAT(run({"feed", "list"}, body).out, !Catch::Contains("\x1b"));
}

TEST_CASE("a new token is shown once, and its hash goes to the server's file", "[cli][command_line]") {
  Script script;
  const Run shown = run({"token", "create", "soc", "--scope", "read", "--scope", "push:c2", "--expires",
                         "2027-03-31", "--json"},
                        script);
  REQUIRE(shown.code == 0);
  const auto body = nlohmann::json::parse(shown.out);
  const auto token = body["token"].get<std::string>();
  CHECK(token.size() == 7 + 64);
  CHECK(body["sha256"] == sha256_hex(token));
  CHECK(body["scopes"] == nlohmann::json{"read", "push:c2"});
  const Run text = run({"token", "create", "soc", "--scope", "read"}, script);
  CHECK_THAT(text.out,
             Catch::Contains("  - name: soc\n    sha256: ") && Catch::Contains("    scopes: [\"read\"]\n"));
  CHECK_THAT(text.out, !Catch::Contains(token));
}

}  // namespace cenote::command_line_test
