#include "resolver/net/http2.h"

#include <catch2/catch.hpp>
#include <nghttp2/nghttp2.h>

#include "tests/resolver/net/fake_site.h"

namespace cenote::http2_test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// nghttp2 as a client, in memory.
class Client {
 public:
  struct Answer {
    Headers headers;
    std::string body;
    bool ended = false;
    std::optional<uint32_t> reset;  // error code
  };

  Client() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &Client::on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Client::on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Client::on_frame);
    nghttp2_option* options = nullptr;
    nghttp2_option_new(&options);
    nghttp2_option_set_no_http_messaging(options, 1);  // so that bad requests can be sent
    nghttp2_session_client_new2(&session_, callbacks, this, options);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Client() { nghttp2_session_del(session_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  static Headers get(const std::string& path) {
    return {{":method", "GET"}, {":scheme", "https"}, {":authority", "www.example.test"}, {":path", path}};
  }
  static Headers post(const std::string& path) {
    return {{":method", "POST"}, {":scheme", "https"}, {":authority", "www.example.test"}, {":path", path}};
  }

  // Without a body the request ends with its head; `open_ended` leaves the body unfinished.
  uint32_t request(const Headers& headers, std::optional<std::string> body = {}, bool open_ended = false) {
    std::vector<nghttp2_nv> pairs;
    for (const auto& [name, value] : headers) {
      pairs.push_back({const_cast<uint8_t*>(as_bytes(name).data()),
                       const_cast<uint8_t*>(as_bytes(value).data()), name.size(), value.size(),
                       NGHTTP2_NV_FLAG_NONE});
    }
    const nghttp2_data_provider provider{{}, &Client::read_body};
    const int32_t id = nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(),
                                              body ? &provider : nullptr, nullptr);
    REQUIRE(id > 0);
    if (body) {
      bodies_[id] = {*body, open_ended};
    }
    return static_cast<uint32_t>(id);
  }
  void reset(uint32_t id) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, static_cast<int32_t>(id), NGHTTP2_CANCEL);
  }
  void ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

  std::string output() {
    std::string all;
    const uint8_t* bytes = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
      all += as_text({bytes, static_cast<size_t>(size)});
    }
    return all;
  }
  void receive(std::string_view text) {
    REQUIRE(nghttp2_session_mem_recv(session_, as_bytes(text).data(), text.size()) ==
            static_cast<ssize_t>(text.size()));
  }

  std::map<uint32_t, Answer> answers;
  std::optional<uint32_t> gone_away;  // GOAWAY's error code

 private:
  static Client& self(void* user) { return *static_cast<Client*>(user); }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t, void* user) {
    self(user).answers[static_cast<uint32_t>(frame->hd.stream_id)].headers.emplace_back(
        as_text({name, name_size}), as_text({value, value_size}));
    return 0;
  }
  static int on_data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size, void* user) {
    self(user).answers[static_cast<uint32_t>(id)].body += as_text({bytes, size});
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      self(user).gone_away = frame->goaway.error_code;
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
      self(user).answers[static_cast<uint32_t>(frame->hd.stream_id)].reset = frame->rst_stream.error_code;
    } else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
               (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      self(user).answers[static_cast<uint32_t>(frame->hd.stream_id)].ended = true;
    }
    return 0;
  }
  static ssize_t read_body(nghttp2_session*, int32_t id, uint8_t* out, size_t size, uint32_t* flags,
                           nghttp2_data_source*, void* user) {
    auto& [body, open_ended] = self(user).bodies_[id];
    const size_t count = std::min(size, body.size());
    if (count == 0 && open_ended) {
      return NGHTTP2_ERR_DEFERRED;
    }
    std::copy_n(body.begin(), count, out);
    body.erase(0, count);
    if (body.empty() && !open_ended) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return static_cast<ssize_t>(count);
  }

  nghttp2_session* session_ = nullptr;
  std::map<int32_t, std::pair<std::string, bool>> bodies_;
};

struct Talk {
  test::FakeSite site;
  HttpLimits limits;
  Http2 http;
  Client client;
  std::vector<HttpRequest> requests;
  std::vector<uint32_t> held;  // ids that wait for an answer, when `hold`
  bool hold = false;

  explicit Talk(HttpLimits with = {}) : limits(with), http(site, limits, about()) {}

  static HttpRequest about() {
    HttpRequest request;
    request.client = *SocketAddress::from_text("192.0.2.7:1234");
    request.server_name = "www.example.test";
    return request;
  }
  void serve() {
    while (auto incoming = http.next_request()) {
      requests.push_back(incoming->request);
      if (hold) {
        held.push_back(incoming->id);
        continue;
      }
      const HttpRequest& request = incoming->request;
      http.respond(incoming->id,
                   HttpResponse::text(200, request.method + " " + request.path + " " + request.body));
    }
  }
  // Carries bytes until both are silent.
  void run(size_t piece = SIZE_MAX) {
    for (int turn = 0; turn < 1000; ++turn) {
      const std::string up = client.output();
      for (size_t at = 0; at < up.size(); at += std::min(piece, up.size() - at)) {
        http.receive(as_bytes(std::string_view(up).substr(at, piece)));
        serve();
      }
      std::string down;
      http.take_output(down, SIZE_MAX);
      client.receive(down);
      if (up.empty() && down.empty()) {
        return;
      }
    }
    FAIL("the connection never falls silent");
  }
  std::string status(uint32_t id) {
    const auto& headers = client.answers[id].headers;
    return headers.empty() ? "" : headers.front().second;
  }
};

TEST_CASE("requests are answered however their bytes are split", "[net][http2]") {
  const size_t piece = GENERATE(as<size_t>{}, 1, 3, 100, SIZE_MAX);
  Talk talk;
  const uint32_t get = talk.client.request(Client::get("/a%20b?x=1"));
  const uint32_t post = talk.client.request(Client::post("/p"), "hello");
  talk.run(piece);
  CHECK(talk.client.answers[get].body == "GET /a b ");
  CHECK(talk.client.answers[post].body == "POST /p hello");
  CHECK(talk.client.answers[post].ended);
  const Headers expected{
      {":status", "200"}, {"content-type", "text/plain; charset=utf-8"}, {"content-length", "13"}};
  CHECK(talk.client.answers[post].headers == expected);
  REQUIRE(talk.requests.size() == 2);
  CHECK(talk.requests[0].query == "x=1");
  CHECK(talk.requests[0].host == "www.example.test");
  CHECK(talk.requests[0].headers.empty());
  CHECK(talk.requests[0].client == Talk::about().client);
  CHECK(talk.requests[0].server_name == "www.example.test");
  CHECK(talk.http.progress().phase == HttpProgress::Phase::kIdle);
  CHECK_FALSE(talk.http.progress().is_finished);
}

TEST_CASE("a large body goes both ways through the windows", "[net][http2]") {
  Talk talk;
  const std::string body(3 << 20, 'z');
  const uint32_t id = talk.client.request(Client::post("/large"), body);
  talk.run();
  CHECK(talk.client.answers[id].body == "POST /large " + body);
}

TEST_CASE("a body with a sink goes there and never into the request, in HTTP/2", "[net][http2]") {
  test::SinkRecord sink;
  Talk talk;
  talk.site.limit = 5 << 20;
  talk.site.sink = &sink;
  const std::string body(3 << 20, 'z');
  const uint32_t id = talk.client.request(Client::post("/sink"), body);
  talk.run();
  CHECK(talk.client.answers[id].body == "POST /sink ");
  CHECK(sink.taken == body);
  CHECK(sink.pieces > 100);
  talk.requests.clear();
  CHECK(sink.is_gone);
}

TEST_CASE("a sink goes with a stream that is refused or reset, in HTTP/2", "[net][http2]") {
  test::SinkRecord sink;
  std::optional<Talk> talk(std::in_place);
  talk->site.sink = &sink;
  SECTION("it has no room") {
    sink.room = 3;
    const uint32_t id = talk->client.request(Client::post("/sink"), "half");
    talk->run();
    CHECK(talk->status(id) == "503");
  }
  SECTION("more comes than the limit") {
    const uint32_t id = talk->client.request(Client::post("/sink"), std::string(101, 'x'));
    talk->run();
    CHECK(talk->status(id) == "413");
  }
  SECTION("the client resets it") {
    const uint32_t id = talk->client.request(Client::post("/sink"), "half", true);
    talk->run();
    CHECK(sink.taken == "half");
    CHECK_FALSE(sink.is_gone);
    talk->client.reset(id);
    talk->run();
  }
  SECTION("the connection ends") {
    talk->client.request(Client::post("/sink"), "half", true);
    talk->run();
    talk.reset();
  }
  CHECK(sink.is_gone);
  CHECK((!talk || talk->requests.empty()));
}

TEST_CASE("HEAD tells the length and sends no body, in HTTP/2", "[net][http2]") {
  Talk talk;
  Headers head = Client::get("/x");
  head[0].second = "HEAD";
  const uint32_t id = talk.client.request(head);
  talk.run();
  CHECK(talk.client.answers[id].headers.back().second == "8");
  CHECK(talk.client.answers[id].body.empty());
  CHECK(talk.client.answers[id].ended);
}

TEST_CASE("a streamed response goes out as it is written", "[net][http2]") {
  Talk talk;
  talk.hold = true;
  const uint32_t id = talk.client.request(Client::get("/events"));
  talk.run();
  talk.http.start(id, {200, {{"content-type", "text/event-stream"}}, ""});
  talk.run();
  CHECK(talk.status(id) == "200");
  CHECK(talk.http.write(id, "first"));
  talk.run();
  CHECK(talk.client.answers[id].body == "first");
  CHECK(talk.http.write(id, "second"));
  CHECK(talk.http.write(id, "third"));
  talk.run();
  CHECK(talk.client.answers[id].body == "firstsecondthird");
  CHECK_FALSE(talk.client.answers[id].ended);
  CHECK(talk.http.is_open(id));
  talk.http.finish(id);
  talk.run();
  CHECK(talk.client.answers[id].ended);
  CHECK_FALSE(talk.http.is_open(id));
}

TEST_CASE("a stream that cannot be completed is reset", "[net][http2]") {
  Talk talk;
  talk.hold = true;
  const uint32_t id = talk.client.request(Client::get("/"));
  talk.run();
  talk.http.start(id, {200, {}, ""});
  talk.http.abort(id);
  talk.run();
  CHECK(talk.client.answers[id].reset == NGHTTP2_INTERNAL_ERROR);
}

TEST_CASE("a reader that is too slow for a stream is known, in HTTP/2", "[net][http2]") {
  HttpLimits limits;
  limits.unsent_bytes = 1000;
  Talk talk(limits);
  talk.hold = true;
  const uint32_t id = talk.client.request(Client::get("/"));
  talk.run();
  talk.http.start(id, {200, {}, ""});
  CHECK(talk.http.write(id, std::string(800, 'x')));
  CHECK_FALSE(talk.http.write(id, std::string(800, 'x')));
  talk.run();
  CHECK(talk.http.write(id, std::string(800, 'x')));
}

TEST_CASE("a reader of a stream who never quite catches up gets all of it in order", "[net][http2]") {
  Talk talk;
  talk.hold = true;
  const uint32_t id = talk.client.request(Client::get("/"));
  talk.run();
  talk.http.start(id, {200, {}, ""});
  std::string all(200'000, 'x');
  REQUIRE(talk.http.write(id, all));
  for (int i = 0; i < 100; ++i) {
    const std::string chunk = std::string(16'384, static_cast<char>('a' + i % 26)) + std::to_string(i);
    REQUIRE(talk.http.write(id, chunk));
    all += chunk;
    std::string out;
    talk.http.take_output(out, 1);  // a frame
    talk.client.receive(out);
    talk.http.receive(as_bytes(talk.client.output()));
    REQUIRE(talk.http.unsent(id) > 0);
  }
  talk.http.finish(id);
  talk.run();
  CHECK(talk.client.answers[id].body == all);
  CHECK(talk.client.answers[id].ended);
}

TEST_CASE("an answer to a stream that the client has reset is dropped", "[net][http2]") {
  Talk talk;
  talk.hold = true;
  const uint32_t id = talk.client.request(Client::get("/"));
  talk.run();
  CHECK(talk.http.is_open(id));
  talk.client.reset(id);
  talk.run();
  CHECK_FALSE(talk.http.is_open(id));
  talk.http.respond(id, HttpResponse::text(200, "late"));
  talk.run();
  CHECK(talk.client.answers.count(id) == 0);
}

TEST_CASE("requests that are too large or not valid are refused alone", "[net][http2]") {
  Headers large_header = Client::get("/");
  large_header.emplace_back("x", std::string(9000, 'x'));
  large_header.emplace_back("y", std::string(9000, 'y'));
  Headers promised = Client::post("/");
  promised.emplace_back("content-length", "101");
  Headers bad_host = Client::get("/");
  bad_host[2].second = "a@b";
  struct Row {
    const char* what;
    Headers headers;
    std::optional<std::string> body;
    const char* status;
  };
  const Row rows[] = {
      {"header beyond the limit", large_header, {}, "431"},
      {"length beyond the limit", promised, std::string(101, 'x'), "413"},
      {"body beyond the limit", Client::post("/"), std::string(101, 'x'), "413"},
      {"a host that is none", bad_host, {}, "400"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Talk talk;
    const uint32_t bad = talk.client.request(row.headers, row.body);
    const uint32_t good = talk.client.request(Client::get("/good"));
    talk.run();
    CHECK(talk.status(bad) == row.status);
    CHECK(talk.client.answers[bad].ended);
    CHECK(talk.status(good) == "200");
    CHECK(talk.requests.size() == 1);
    CHECK(talk.http.progress().refused == 1);
  }
}

TEST_CASE("a request that breaks HTTP/2 itself is reset and never reaches the site", "[net][http2]") {
  Headers no_path = Client::get("/");
  no_path.pop_back();
  Headers bad_name = Client::get("/");
  bad_name.emplace_back("x y", "z");
  Headers connection = Client::get("/");
  connection.emplace_back("connection", "keep-alive");
  Headers chunked = Client::post("/");
  chunked.emplace_back("transfer-encoding", "chunked");
  Headers twice = Client::get("/");
  twice.emplace_back(":path", "/other");
  Headers short_body = Client::post("/");
  short_body.emplace_back("content-length", "50");
  const Headers bad =
      GENERATE_COPY(values<Headers>({no_path, bad_name, connection, chunked, twice, short_body}));
  CAPTURE(bad.back().first, bad.back().second);
  Talk talk;
  const uint32_t id = talk.client.request(bad, "body");
  talk.run();
  CHECK(talk.client.answers[id].reset == NGHTTP2_PROTOCOL_ERROR);
  CHECK(talk.requests.empty());
}

TEST_CASE("an upload that goes on after its refusal is told to stop", "[net][http2]") {
  Talk talk;
  const uint32_t id = talk.client.request(Client::post("/"), std::string(8 << 20, 'x'), true);
  talk.run();
  CHECK(talk.status(id) == "413");
  CHECK(talk.client.answers[id].ended);
  CHECK(talk.client.answers[id].reset == NGHTTP2_NO_ERROR);
  CHECK(talk.http.progress().body_bytes < (2 << 20));
}

TEST_CASE("what is still on its way of an upload that was refused ends no other request", "[net][http2]") {
  Talk talk;
  talk.run();  // the windows are open
  Headers bad = Client::post("/");
  bad.emplace_back("connection", "keep-alive");
  const uint32_t id = talk.client.request(bad, std::string(250 << 10, 'x'));
  talk.run(16384);
  CHECK(talk.client.answers[id].reset == NGHTTP2_PROTOCOL_ERROR);
  const uint32_t next = talk.client.request(Client::post("/"), "body");
  talk.run();
  CHECK(talk.status(next) == "200");
  CHECK_FALSE(talk.client.gone_away);
}

TEST_CASE("bodies of requests that are refused one after the other are not put up with for ever",
          "[net][http2]") {
  Talk talk;
  talk.run();
  Headers bad = Client::post("/");
  bad.emplace_back("connection", "keep-alive");
  size_t sent = 0;
  for (; sent < 100 && !talk.client.gone_away; ++sent) {
    talk.client.request(bad, std::string(250 << 10, 'x'));
    talk.run(16384);
  }
  CHECK(talk.client.gone_away);
  CHECK(sent < 20);
}

TEST_CASE("memory that runs out while a request comes ends the connection, not the process", "[net][http2]") {
  Talk talk;
  talk.site.is_out_of_memory = true;
  talk.client.request(Client::post("/"), "body");
  talk.run();
  CHECK(talk.client.gone_away);
  CHECK(talk.requests.empty());
}

TEST_CASE("a client that asks before it sends its body is told to go on", "[net][http2]") {
  Talk talk;
  Headers headers = Client::post("/");
  headers.emplace_back("expect", "100-continue");
  const uint32_t id = talk.client.request(headers, "", true);
  talk.run();
  CHECK(talk.status(id) == "100");
  CHECK(talk.requests.empty());
  CHECK(talk.http.progress().phase == HttpProgress::Phase::kBody);
}

TEST_CASE("rapid resets end the connection", "[net][http2]") {
  Talk talk;
  talk.hold = true;
  int sent = 0;
  while (!talk.client.gone_away && sent < 2000) {
    const uint32_t id = talk.client.request(Client::get("/"));
    talk.run();
    talk.client.reset(id);
    talk.run();
    ++sent;
  }
  CHECK(sent > 100);  // some are normal
  CHECK(sent < 500);
  CHECK(talk.http.progress().is_finished);
}

TEST_CASE("faults that make us reset streams end the connection", "[net][http2]") {
  Talk talk;
  Headers bad = Client::get("/");
  bad.emplace_back("connection", "close");
  int sent = 0;
  while (!talk.client.gone_away && sent < 2000) {
    talk.client.request(bad);
    talk.run();
    ++sent;
  }
  CHECK(sent < 300);
  CHECK(talk.client.gone_away == NGHTTP2_ENHANCE_YOUR_CALM);
  CHECK(talk.http.progress().is_finished);
}

TEST_CASE("pings whose answers are not read end the connection", "[net][http2]") {
  Talk talk;
  talk.run();
  for (int i = 0; i < 1000; ++i) {
    talk.client.ping();
  }
  const std::string pings = talk.client.output();
  talk.http.receive(as_bytes(pings));
  std::string last;
  talk.http.take_output(last, SIZE_MAX);
  CHECK(last.size() < 200 * 17);  // a PING frame has 17 bytes
  CHECK(talk.http.progress().is_finished);
}

// A HEADERS frame of one stream, whole, written by hand: nghttp2 as a client would send no such head. A field
// of 3,000 bytes is put into the dynamic table when `first`; then `times` single bytes name it (RFC 7541
// section 6.1).
std::string packed_head(uint32_t stream, bool first, size_t times) {
  std::string block =
      "\x82\x87\x84\x01\x08"
      "host.exa";  // GET, https, "/", :authority, which is not kept
  if (first) {
    block += std::string("\x40\x07x-large\x7f\xb9\x16", 12) + std::string(3000, 'y');
  }
  block += std::string(times, '\xbe');
  std::string frame;
  for (const size_t byte : {block.size() >> 16, block.size() >> 8, block.size()}) {
    frame += static_cast<char>(byte & 0xff);
  }
  frame += "\x01\x05";  // HEADERS; END_STREAM and END_HEADERS
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    frame += static_cast<char>((stream >> shift) & 0xff);
  }
  return frame + block;
}

TEST_CASE("a head that unpacks to far more than it was ends the connection", "[net][http2]") {
  Talk talk;
  talk.run();
  const std::string up = packed_head(1, true, 4000);
  REQUIRE(up.size() < 8000);
  talk.http.receive(as_bytes(up));
  talk.serve();
  CHECK(talk.requests.empty());
  std::string last;
  talk.http.take_output(last, SIZE_MAX);
  CHECK(talk.http.progress().is_finished);
}

TEST_CASE("many small heads that unpack to much end the connection", "[net][http2]") {
  Talk talk;
  talk.run();
  uint32_t sent = 0;
  for (; !talk.http.progress().is_finished && sent < 5000; ++sent) {
    talk.http.receive(
        as_bytes(packed_head(2 * sent + 1, sent == 0, 4)));  // 12 KiB, within the limit of one head
    talk.serve();
    std::string down;
    talk.http.take_output(down, SIZE_MAX);
  }
  CHECK(talk.requests.size() > 50);
  CHECK(sent < 1000);
}

TEST_CASE("frames that carry no request end the connection", "[net][http2]") {
  struct Row {
    const char* what;
    std::string frame;
  };
  using namespace std::string_literals;
  const Row row = GENERATE(values<Row>({
      {"settings", "\0\0\0\4\0\0\0\0\0"s},
      {"settings acknowledged", "\0\0\0\4\1\0\0\0\0"s},
      {"window updates", "\0\0\4\x08\0\0\0\0\0\0\0\0\1"s},
      {"priorities", "\0\0\5\2\0\0\0\0\1\0\0\0\0\x10"s},
      {"empty data", "\0\0\0\0\0\0\0\0\1"s},
      {"unknown frames", "\0\0\0\xbb\0\0\0\0\0"s},
  }));
  CAPTURE(row.what);
  Talk talk;
  talk.client.request(Client::post("/upload"), "", true);
  talk.run();
  size_t sent = 0;
  while (!talk.http.progress().is_finished && sent < (1 << 20)) {
    talk.http.receive(as_bytes(row.frame));
    sent += row.frame.size();
    std::string down;
    talk.http.take_output(down, SIZE_MAX);  // all is read: no limit of unread answers helps
  }
  CHECK(sent < 128 * 1024);
}

TEST_CASE("requests, bodies and what was sent pay for the frames around them", "[net][http2]") {
  Talk talk;
  for (int i = 0; i < 3000; ++i) {
    const uint32_t id = talk.client.request(Client::post("/query"), std::string(40, 'q'));
    talk.run();
    REQUIRE(talk.status(id) == "200");
    talk.client.ping();
    talk.client.answers.clear();
  }
  CHECK_FALSE(talk.client.gone_away);
}

TEST_CASE("bodies that never end are bounded for a client and in all, in HTTP/2", "[net][http2]") {
  HeldBodies bodies(100000, 60000);
  test::FakeSite site;
  const HttpLimits limits;
  Http2 http(site, limits, Talk::about(), &bodies);
  Client client;
  std::string settings;
  http.take_output(settings, SIZE_MAX);
  client.receive(settings);
  std::vector<uint32_t> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(client.request(Client::post("/large"), std::string(10000, 'x'), true));
  }
  http.receive(as_bytes(client.output()));
  CHECK(bodies.held() == 60000);
  std::string down;
  http.take_output(down, SIZE_MAX);
  client.receive(down);
  const auto refused = std::count_if(ids.begin(), ids.end(), [&](uint32_t id) {
    const auto& headers = client.answers[id].headers;
    return !headers.empty() && headers.front().second == "503";
  });
  CHECK(refused == 14);
  for (const uint32_t id : ids) {
    client.reset(id);
  }
  http.receive(as_bytes(client.output()));
  CHECK(bodies.held() == 0);
}

TEST_CASE("a body has its own time, whatever else comes", "[net][http2]") {
  HttpLimits limits;
  limits.grace = seconds{10};
  limits.least_rate = 1000;
  limits.whole_body = seconds{60};
  Talk talk(limits);
  const MonoTime start{std::chrono::hours{1}};
  const auto carry = [&](MonoTime now) { talk.http.receive(as_bytes(talk.client.output()), now); };
  CHECK(talk.http.progress().body_due == MonoTime::max());
  talk.client.request(Client::post("/large"), std::string(5000, 'x'), true);
  carry(start);
  CHECK(talk.http.progress().body_due == start + seconds{15});
  talk.client.request(Client::post("/large"), std::string(100, 'x'), true);
  carry(start + seconds{3});
  CHECK(talk.http.progress().body_due ==
        start + seconds{13} + milliseconds{100});  // the later one, for it is slow
  talk.client.request(Client::post("/large"), std::string(150000, 'x'), true);
  carry(start + seconds{4});
  CHECK(talk.http.progress().body_due == start + seconds{13} + milliseconds{100});
}

TEST_CASE("while responses wait unread no further request is taken up", "[net][http2]") {
  Talk talk;
  talk.run();
  for (int i = 0; i < 90; ++i) {
    talk.client.request(Client::get("/"));
  }
  talk.http.receive(as_bytes(talk.client.output()));
  while (auto incoming = talk.http.next_request()) {
    talk.requests.push_back(incoming->request);
    talk.http.respond(incoming->id, HttpResponse::text(200, std::string(100000, 'p')));
  }
  CHECK(talk.requests.size() < 10);
  for (int turn = 0; turn < 1000 && talk.requests.size() < 90; ++turn) {
    std::string down;
    talk.http.take_output(down, SIZE_MAX);
    talk.client.receive(down);
    talk.http.receive(as_bytes(talk.client.output()));
    while (auto incoming = talk.http.next_request()) {
      talk.requests.push_back(incoming->request);
      talk.http.respond(incoming->id, HttpResponse::text(200, std::string(100000, 'p')));
    }
  }
  CHECK(talk.requests.size() == 90);
}

TEST_CASE("of answers that come all at once a peer that reads none gets no more than it may",
          "[net][http2]") {
  Talk talk({.most_unread = 1 << 20});
  talk.hold = true;
  std::vector<uint32_t> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(talk.client.request(Client::get("/")));
  }
  talk.run();
  REQUIRE(talk.held.size() == 100);
  for (const uint32_t id : ids) {
    talk.http.respond(id, HttpResponse::text(200, std::string(60'000, 'x')));
    talk.http.respond(id, HttpResponse::text(500, "whoever let go of it says so"));
  }
  CHECK(talk.http.progress().refused == 82);
  talk.run();
  const auto whole = std::count_if(ids.begin(), ids.end(), [&](uint32_t id) {
    return talk.client.answers[id].body.size() == 60'000 && talk.client.answers[id].ended;
  });
  CHECK(whole == 18);
  CHECK(talk.client.answers[ids.back()].reset == NGHTTP2_INTERNAL_ERROR);
  CHECK_FALSE(talk.client.gone_away);
}

TEST_CASE("what does not begin as HTTP/2 is ended", "[net][http2]") {
  Talk talk;
  talk.http.receive(as_bytes("GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"));
  std::string last;
  talk.http.take_output(last, SIZE_MAX);
  CHECK(talk.http.progress().is_finished);
  CHECK(talk.requests.empty());
}

TEST_CASE("going away answers what has come and takes no more", "[net][http2]") {
  Talk talk;
  talk.hold = true;
  const uint32_t id = talk.client.request(Client::get("/"));
  talk.run();
  talk.http.go_away();
  talk.run();
  CHECK(talk.client.gone_away == NGHTTP2_NO_ERROR);
  CHECK_FALSE(talk.http.progress().is_finished);
  talk.http.respond(id, HttpResponse::text(200, "last"));
  talk.run();
  CHECK(talk.client.answers[id].body == "last");
  CHECK(talk.http.progress().is_finished);
}

TEST_CASE("output is taken in the pieces that are asked for", "[net][http2]") {
  Talk talk;
  talk.hold = true;
  const uint32_t id = talk.client.request(Client::get("/"));
  talk.run();
  talk.http.respond(id, HttpResponse::text(200, std::string(60000, 'x')));
  std::string first;
  talk.http.take_output(first, 1000);
  CHECK(first.size() < 1000 + 16384 + 9);  // one frame more at most
  CHECK(talk.http.progress().is_unsent);
  talk.client.receive(first);
  talk.run();
  CHECK(talk.client.answers[id].body.size() == 60000);
  CHECK_FALSE(talk.http.progress().is_unsent);
}

}  // namespace

}  // namespace cenote::http2_test
