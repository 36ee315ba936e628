#include "resolver/cli/api_client.h"

#include <fstream>

#include <curl/curl.h>

#include "resolver/base/text.h"

namespace cenote {
namespace {

// A control API's answer is lists for people; more means that we speak to something else.
constexpr size_t kMostResponseBytes = 64U << 20;

struct CurlFree {
  void operator()(CURL* curl) const noexcept { curl_easy_cleanup(curl); }
};
struct SlistFree {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

struct Receiving {
  CURL* curl;
  std::string body;
  const std::function<bool(std::string_view)>* on_piece = nullptr;  // null: collect
  bool was_stopped = false;
};

size_t on_body(char* bytes, size_t size, size_t count, void* context) noexcept {
  auto& receiving = *static_cast<Receiving*>(context);
  const std::string_view piece(bytes, size * count);
  long status = 0;
  curl_easy_getinfo(receiving.curl, CURLINFO_RESPONSE_CODE, &status);
  if (receiving.on_piece != nullptr && status == 200) {
    receiving.was_stopped = !(*receiving.on_piece)(piece);
    return receiving.was_stopped ? 0 : piece.size();
  }
  if (receiving.body.size() + piece.size() > kMostResponseBytes) {
    return 0;
  }
  receiving.body += piece;
  return piece.size();
}

size_t on_read(char* out, size_t size, size_t count, void* context) noexcept {
  auto& stream = *static_cast<std::istream*>(context);
  stream.read(out, static_cast<std::streamsize>(size * count));
  return stream.bad() ? CURL_READFUNC_ABORT : static_cast<size_t>(stream.gcount());
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t sent) noexcept {
  (*static_cast<const std::function<void(uint64_t)>*>(context))(static_cast<uint64_t>(sent));
  return 0;
}

class CurlTransport final : public ApiTransport {
 public:
  CurlTransport(ServerAddress address, std::string token)
      : address_(std::move(address)), token_(std::move(token)) {}

  Result<ApiResponse> exchange(const ApiRequest& request) override { return run(request, nullptr); }
  Result<ApiResponse> follow(const ApiRequest& request,
                             const std::function<bool(std::string_view)>& on_piece) override {
    return run(request, &on_piece);
  }

 private:
  [[nodiscard]] std::string where() const { return address_.url.empty() ? address_.socket : address_.url; }

  Result<ApiResponse> run(const ApiRequest& request, const std::function<bool(std::string_view)>* on_piece) {
    const std::unique_ptr<CURL, CurlFree> curl(curl_easy_init());
    if (!curl) {
      return fail("out of memory");
    }
    const std::string url = (address_.url.empty() ? "http://localhost" : address_.url) + request.target;
    std::unique_ptr<curl_slist, SlistFree> headers = header_list(request);
    Receiving receiving{curl.get(), "", on_piece, false};
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &receiving);
    if (address_.url.empty()) {
      curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, address_.socket.c_str());
      curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");  // whatever http_proxy says
    }
    const auto set_file = [&](CURLoption option, const std::string& file) {
      if (!file.empty()) {
        curl_easy_setopt(curl.get(), option, file.c_str());
      }
    };
    set_file(CURLOPT_CAINFO, address_.ca_file);
    set_file(CURLOPT_SSLCERT, address_.certificate);
    set_file(CURLOPT_SSLKEY, address_.key);
    if (request.stream) {
      curl_easy_setopt(curl.get(), CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(curl.get(), CURLOPT_READFUNCTION, on_read);
      curl_easy_setopt(curl.get(), CURLOPT_READDATA, request.stream.get());
      curl_easy_setopt(curl.get(), CURLOPT_INFILESIZE_LARGE,
                       request.stream_size ? static_cast<curl_off_t>(*request.stream_size) : curl_off_t{-1});
    } else if (!request.body.empty() || request.method == "PUT" || request.method == "POST") {
      curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, request.body.data());
      curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    if (request.on_sent) {
      curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
      curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, on_progress);
      curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &request.on_sent);
    }
    if (on_piece == nullptr) {
      curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 600L);  // a push of millions of names is built first
    }
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK && !receiving.was_stopped) {
      return fail("{}: {}", printable(where()), curl_easy_strerror(code));
    }
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    return ApiResponse{static_cast<int>(status), std::move(receiving.body)};
  }

  [[nodiscard]] std::unique_ptr<curl_slist, SlistFree> header_list(const ApiRequest& request) const {
    // "Expect: 100-continue" would cost a second against servers that do not answer it.
    std::unique_ptr<curl_slist, SlistFree> list(curl_slist_append(nullptr, "Expect:"));
    const auto add = [&](const std::string& line) {
      if (curl_slist* longer = curl_slist_append(list.get(), line.c_str())) {
        list.release();
        list.reset(longer);
      }
    };
    if (!token_.empty()) {
      add("Authorization: Bearer " + token_);
    }
    for (const auto& [name, value] : request.headers) {
      add(name + ": " + value);
    }
    return list;
  }

  ServerAddress address_;
  std::string token_;
};

}  // namespace

Result<std::unique_ptr<ApiTransport>> connect_to(const ServerAddress& given) {
  ServerAddress address = given;
  while (address.url.ends_with('/')) {
    address.url.pop_back();
  }
  if (!address.url.empty() && !address.url.starts_with("http://") && !address.url.starts_with("https://")) {
    return fail("--server: '{}' does not begin with http:// or https://", printable(address.url, 100));
  }
  std::string token;
  if (!address.token_file.empty()) {
    std::ifstream in(address.token_file);
    if (!std::getline(in, token)) {
      return fail("cannot read a token from {}", printable(address.token_file));
    }
    token = std::string(trim(token));
    if (token.empty() || printable(token, 500) != token) {
      return fail("the first line of {} is no token", printable(address.token_file));
    }
  }
  return std::unique_ptr<ApiTransport>(std::make_unique<CurlTransport>(std::move(address), std::move(token)));
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    // RFC 3986 section 2.3.
    const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                               c == '-' || c == '.' || c == '_' || c == '~';
    if (is_unreserved) {
      encoded += c;
    } else {
      fmt::format_to(std::back_inserter(encoded), "%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return encoded;
}

}  // namespace cenote
