#include "ioc/fetch.h"

#include <memory>
#include <mutex>
#include <string_view>

#include <curl/curl.h>

#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr std::string_view kETag = "etag";
constexpr std::string_view kModified = "last-modified";

struct Transfer {
  Fetched fetched;
  uint64_t most_bytes;
  bool too_large = false;
  const std::atomic<bool>* cancelled;
};

size_t on_body(char* bytes, size_t one, size_t size, void* context) noexcept {
  auto& transfer = *static_cast<Transfer*>(context);
  if (size * one > transfer.most_bytes - transfer.fetched.body.size()) {
    transfer.too_large = true;
    return 0;
  }
  transfer.fetched.body.append(bytes, size * one);
  return size * one;
}

// The version is "etag VALUE" or "last-modified VALUE"; an ETag is the better one.
size_t on_header(char* bytes, size_t one, size_t size, void* context) noexcept {
  auto& version = static_cast<Transfer*>(context)->fetched.version;
  const std::string_view line(bytes, size * one);
  if (line.starts_with("HTTP/")) {
    version.clear();  // of the last answer, after redirects
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return size * one;
  }
  const std::string_view value = trim(line.substr(colon + 1, line.find_last_not_of("\r\n") - colon));
  if (equal_ignoring_case(line.substr(0, colon), kETag)) {
    version = std::string(kETag) + ' ' + std::string(value);
  } else if (equal_ignoring_case(line.substr(0, colon), kModified) && !version.starts_with(kETag)) {
    version = std::string(kModified) + ' ' + std::string(value);
  }
  return size * one;
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
  return static_cast<Transfer*>(context)->cancelled->load() ? 1 : 0;
}

std::string condition_for(const std::string& version) {
  const size_t blank = version.find(' ');
  if (blank == std::string::npos) {
    return {};
  }
  const bool by_etag = version.substr(0, blank) == kETag;
  return (by_etag ? "If-None-Match: " : "If-Modified-Since: ") + version.substr(blank + 1);
}

void set_limits(CURL* curl, const FetchRequest& request, Transfer& transfer) {
  const bool plain = request.url.starts_with("http://");
  const char* protocols = plain ? "http,https" : "https";
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.most_bytes));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 15L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 100L);  // bytes a second, below which a server is stuck
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 30L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "cenote/" CENOTE_VERSION);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

}  // namespace

Result<Fetched> fetch(const FetchRequest& request, const std::atomic<bool>& cancelled) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) {
    return fail("{}: no transfer could be made", request.url);
  }
  Transfer transfer{{}, request.most_bytes, false, &cancelled};
  set_limits(curl.get(), request, transfer);
  curl_easy_setopt(curl.get(), CURLOPT_URL, request.url.c_str());
  const std::string condition = condition_for(request.version);
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
      condition.empty() ? nullptr : curl_slist_append(nullptr, condition.c_str()), curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = curl_easy_perform(curl.get());
  if (transfer.too_large || code == CURLE_FILESIZE_EXCEEDED) {
    return fail("{}: more than {} bytes", request.url, request.most_bytes);
  }
  if (code != CURLE_OK) {
    return fail("{}: {}", request.url, curl_easy_strerror(code));
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 304) {
    transfer.fetched.is_unchanged = true;
    transfer.fetched.version = request.version;
  } else if (status != 200) {
    return fail("{}: HTTP status {}", request.url, status);
  }
  return std::move(transfer.fetched);
}

}  // namespace cenote
