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
constexpr std::string_view kAddedLast = "x-taxii-date-added-last";
constexpr int kMostRedirects = 5;

struct CurlFree {
  void operator()(CURL* curl) const noexcept { curl_easy_cleanup(curl); }
};
struct ListFree {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, ListFree>;

struct Transfer {
  Fetched fetched;
  uint64_t most_bytes;
  IncomingList* list;
  const std::atomic<bool>* cancelled;
  CURL* curl = nullptr;
  uint64_t received = 0;
  bool too_large = false;
  std::string not_kept{};  // why
};

// Only what was asked for goes to the list: a redirect has a body as well.
size_t on_body(char* bytes, size_t one, size_t size, void* context) noexcept {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view piece(bytes, size * one);
  transfer.received += piece.size();
  if (transfer.received > transfer.most_bytes) {
    transfer.too_large = true;
    return 0;
  }
  long status = 0;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.list == nullptr) {
    transfer.fetched.body.append(piece);
  } else if (status == 200) {
    const Result<void> kept = transfer.list->append(as_bytes(piece));
    transfer.not_kept = kept ? "" : kept.error().message;
    return kept ? piece.size() : 0;
  }
  return piece.size();
}

// The version is "etag VALUE" or "last-modified VALUE"; an ETag is the better one.
size_t on_header(char* bytes, size_t one, size_t size, void* context) noexcept {
  Fetched& fetched = static_cast<Transfer*>(context)->fetched;
  const std::string_view line(bytes, size * one);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return size * one;
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1, line.find_last_not_of("\r\n") - colon));
  if (equal_ignoring_case(name, kETag)) {
    fetched.version = std::string(kETag) + ' ' + std::string(value);
  } else if (equal_ignoring_case(name, kModified) && !fetched.version.starts_with(kETag)) {
    fetched.version = std::string(kModified) + ' ' + std::string(value);
  } else if (equal_ignoring_case(name, kAddedLast)) {
    fetched.added_until = value;
  }
  return size * one;
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
  return static_cast<Transfer*>(context)->cancelled->load() ? 1 : 0;
}

std::string condition_for(const std::string& version) {
  const size_t blank = version.find(' ');
  const std::string_view kind = std::string_view(version).substr(0, blank);
  if (kind != kETag && kind != kModified) {
    return {};
  }
  return (kind == kETag ? "If-None-Match: " : "If-Modified-Since: ") + version.substr(blank + 1);
}

void set_limits(CURL* curl, const FetchRequest& request, Transfer& transfer) {
  // A feed that was asked for in secret never comes in clear.
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, request.url.starts_with("http://") ? "http,https" : "https");
  curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.most_bytes));
  const auto left = std::chrono::ceil<milliseconds>(request.end - mono_now()).count();
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<int64_t>(left, 1)));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 15L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 100L);  // bytes a second, below which a server is stuck
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 30L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "cenote/" CENOTE_VERSION);
  curl_easy_setopt(curl, CURLOPT_PROXY, request.proxy.c_str());  // "": none, whatever http_proxy says
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

void append(CurlList& list, const std::string& line) {
  if (curl_slist* longer = line.empty() ? nullptr : curl_slist_append(list.get(), line.c_str())) {
    static_cast<void>(list.release());
    list.reset(longer);
  }
}

struct Place {
  std::string host;
  std::string port;
};

Place place_of(const std::string& url) {
  Place place;
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  char* part = nullptr;
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return place;
  }
  if (curl_url_get(parsed.get(), CURLUPART_HOST, &part, 0) == CURLUE_OK) {
    place.host = part;
    curl_free(part);
  }
  if (curl_url_get(parsed.get(), CURLUPART_PORT, &part, CURLU_DEFAULT_PORT) == CURLUE_OK) {
    place.port = part;
    curl_free(part);
  }
  return place;
}

// "HOST:PORT:ADDRESS,ADDRESS": curl then asks nobody.
Result<CurlList> resolved(const FetchRequest& request, const Place& place) {
  CurlList list;
  const bool is_local = place.host == "localhost" || place.host.ends_with(".localhost");  // RFC 6761
  if (!request.resolve || !request.proxy.empty() || is_local || IpAddress::from_text(place.host) ||
      place.host.starts_with('[')) {
    return list;
  }
  std::string line;
  for (const IpAddress& address : request.resolve(place.host)) {
    line += (line.empty() ? place.host + ':' + place.port + ':' : ",") + address.to_text();
  }
  if (line.empty()) {
    return fail("{}: the upstream servers know no address of {}", request.url, place.host);
  }
  append(list, line);
  return list;
}

struct Answer {
  long status = 0;
  std::string redirect;  // where it points to; empty without
};

Result<Answer> exchange(const FetchRequest& request, const std::string& host, Transfer& transfer) {
  const std::unique_ptr<CURL, CurlFree> curl(curl_easy_init());
  if (!curl) {
    return fail("{}: no transfer could be made", request.url);
  }
  transfer.curl = curl.get();
  const Place place = place_of(request.url);
  auto addresses = resolved(request, place);
  if (!addresses) {
    return addresses.error();
  }
  CurlList headers;
  append(headers, condition_for(request.version));
  append(headers, place.host == host ? request.header : "");
  append(headers, request.accept.empty() ? "" : "Accept: " + request.accept);
  set_limits(curl.get(), request, transfer);
  curl_easy_setopt(curl.get(), CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_RESOLVE, addresses->get());
  if (!request.ca_file.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_CAINFO, request.ca_file.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_CAPATH, nullptr);  // the feed's authority instead of the others
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (transfer.too_large || code == CURLE_FILESIZE_EXCEEDED) {
    return fail("{}: more than {} bytes", request.url, request.most_bytes);
  }
  if (!transfer.not_kept.empty()) {
    return Error{transfer.not_kept};
  }
  if (code != CURLE_OK) {
    return fail("{}: {}", request.url, curl_easy_strerror(code));
  }
  Answer answer;
  char* redirect = nullptr;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  curl_easy_getinfo(curl.get(), CURLINFO_REDIRECT_URL, &redirect);
  answer.redirect = redirect != nullptr ? redirect : "";
  return answer;
}

}  // namespace

// Redirects are followed here and not by curl: each host is looked up our way, and a secret stays with its
// host.
Result<Fetched> fetch(const FetchRequest& request, const std::atomic<bool>& cancelled) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  FetchRequest step = request;
  step.end = std::min(request.end, mono_now() + request.timeout);
  const std::string host = place_of(request.url).host;
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    Transfer transfer{{}, request.most_bytes, request.list, &cancelled};
    const auto answer = exchange(step, host, transfer);
    if (!answer) {
      return answer.error();
    }
    if (answer->status == 304) {
      transfer.fetched.is_unchanged = true;
      transfer.fetched.version = request.version;
      return std::move(transfer.fetched);
    }
    if (answer->status == 200) {
      return std::move(transfer.fetched);
    }
    if (answer->redirect.empty()) {
      return fail("{}: HTTP status {}", step.url, answer->status);
    }
    if (request.url.starts_with("https://") && !answer->redirect.starts_with("https://")) {
      return fail("{}: redirects to {}, which is not https", step.url, printable(answer->redirect, 200));
    }
    step.url = answer->redirect;
  }
  return fail("{}: more than {} redirects", request.url, kMostRedirects);
}

}  // namespace cenote
