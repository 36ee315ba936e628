// How the command line reaches the control API: over the local Unix socket, or HTTP(S) with a token. Commands
// see only the interface, so they are tested without a server.
#pragma once

#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resolver/base/result.h"

namespace cenote {

struct ApiRequest {
  std::string method = "GET";
  std::string target;  // "/v1/hits?since=1h"
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::function<void(uint64_t sent)> on_sent{};  // bytes of the body so far; may be empty
  std::shared_ptr<std::istream> stream{};        // sent as it is read, instead of `body`
  std::optional<uint64_t> stream_size{};         // nullopt: until it ends
};

struct ApiResponse {
  int status = 0;
  std::string body;
};

class ApiTransport {
 public:
  virtual ~ApiTransport() = default;
  // An error means that no answer came: nobody listens there, or the connection broke.
  virtual Result<ApiResponse> exchange(const ApiRequest& request) = 0;
  // The same for an answer without end: a body of status 200 is handed over piece by piece until it ends or
  // `on_piece` returns false, and is then not in the response.
  virtual Result<ApiResponse> follow(const ApiRequest& request,
                                     const std::function<bool(std::string_view)>& on_piece) = 0;
};

struct ServerAddress {
  std::string socket;       // used when `url` is empty
  std::string url;          // "https://dns.example.net:8053"
  std::string token_file;   // its first line is the token
  std::string ca_file;      // whom an https server's certificate must come from; empty: the system's
  std::string certificate;  // our own, where the server wants one
  std::string key;
};

// An error: the token file cannot be read, or the URL is none.
Result<std::unique_ptr<ApiTransport>> connect_to(const ServerAddress& address);

std::string percent_encoded(std::string_view text);  // for a path segment or a query value

}  // namespace cenote
