#include "blockpage/certificates.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "resolver/base/log.h"
#include "resolver/net/x509_fields.h"

namespace cenote {
namespace {

using std::chrono::hours;

constexpr auto kKeyLifetime = hours(24);
constexpr auto kLeafLifetime =
    hours(24 * 7);  // the key goes after a day; the rest is for clients' wrong clocks
constexpr auto kLeafClockSkew = hours(1);

// What a browser may have put into SNI (RFC 6066 section 3, with the underscore of real life). Anything else
// would also be a way to smuggle bytes into a certificate.
bool is_host_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 253 && text.front() != '.' && text.back() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
         });
}

X509Ptr make_template(const Authority& authority, EVP_PKEY* key, WallTime time) {
  X509Ptr leaf(X509_new());
  X509* x = leaf.get();
  X509* issuer = authority.certificate();
  const WallTime until = std::min(WallTime(time + kLeafLifetime), authority.expires());
  const bool made = x != nullptr && X509_set_version(x, X509_VERSION_3) == 1 &&
                    set_validity(x, time - kLeafClockSkew, until) &&
                    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                               reinterpret_cast<const unsigned char*>("Cenote block page"),
                                               -1, -1, 0) == 1 &&
                    X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1 &&
                    X509_set_pubkey(x, key) == 1 &&
                    add_extension(x, issuer, NID_basic_constraints, "critical,CA:false") &&
                    add_extension(x, issuer, NID_key_usage, "critical,digitalSignature") &&
                    add_extension(x, issuer, NID_ext_key_usage, "serverAuth") &&
                    add_extension(x, issuer, NID_subject_key_identifier, "hash");
  if (!made) {
    return nullptr;
  }
  // A CA from elsewhere may have no key identifier; then there is none to repeat. The signature is never
  // shown, but X509_dup refuses to copy a certificate that has none.
  const bool has_identifier = X509_get0_subject_key_id(issuer) != nullptr;
  if ((has_identifier && !add_extension(x, issuer, NID_authority_key_identifier, "keyid")) ||
      !authority.sign(x)) {
    return nullptr;
  }
  return leaf;
}

// Built by hand, not through the configuration notation, where a comma in a name would start another name.
bool add_subject_alternative_name(X509* leaf, const std::string& host, bool is_address) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(GENERAL_NAMES_new(),
                                                                            &GENERAL_NAMES_free);
  GENERAL_NAME* name = GENERAL_NAME_new();
  if (names == nullptr || name == nullptr || sk_GENERAL_NAME_push(names.get(), name) == 0) {
    GENERAL_NAME_free(name);
    return false;
  }
  ASN1_STRING* value = is_address ? a2i_IPADDRESS(host.c_str()) : ASN1_IA5STRING_new();
  if (value == nullptr) {
    return false;
  }
  GENERAL_NAME_set0_value(name, is_address ? GEN_IPADD : GEN_DNS, value);
  const bool filled = is_address || ASN1_STRING_set(value, host.data(), static_cast<int>(host.size())) == 1;
  return filled && X509_add1_ext_i2d(leaf, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

}  // namespace

Certificates::Certificates(Authority authority, IsBlocked is_blocked, Now (*clock)(), size_t capacity)
    : authority_(std::move(authority)),
      is_blocked_(std::move(is_blocked)),
      clock_(clock),
      leaves_(capacity) {}

TlsIdentity Certificates::pick(const std::string& server_name, const SocketAddress& local,
                               const SocketAddress& client) {
  const Now time = clock_();
  const bool is_address = server_name.empty();
  const std::string host = is_address ? local.address().to_text() : server_name;
  if (!is_address) {
    const std::optional<Name> name = is_host_name(host) ? Name::from_text(host) : std::nullopt;
    // Asked anew each time, also for a certificate that is there: an exception or a correction acts at once.
    if (!name || !is_blocked_(*name)) {
      refused_.add();
      return {};
    }
  }
  if (!renew_daily(time.wall)) {
    return {};
  }
  if (const X509Ptr* leaf = leaves_.find(host)) {
    return identity(*leaf);
  }
  if (!is_within_limit(client.address(), time.mono)) {
    over_limit_.add();
    return {};
  }
  X509Ptr leaf = make(host, is_address, time.wall);
  if (leaf == nullptr) {
    return {};
  }
  made_.add();
  return identity(leaves_.insert(host, std::move(leaf)));
}

void Certificates::adopt(Authority authority) {
  if (X509_cmp(authority.certificate(), authority_.certificate()) == 0) {
    return;
  }
  authority_ = std::move(authority);
  template_ = nullptr;
  leaves_.clear();
}

// One key for all leaves: a fresh one each would cost a quarter more, and they all live in the same process.
bool Certificates::renew_daily(WallTime time) {
  if (template_ != nullptr && is_of_today(time)) {
    return true;
  }
  if (authority_.expires() <= time) {
    log::error("{}: expired on {}; browsers refuse the block page over HTTPS", authority_.certificate_file(),
               to_rfc3339(authority_.expires()));
  }
  PkeyPtr key = make_p256_key();
  X509Ptr fresh = key != nullptr ? make_template(authority_, key.get(), time) : nullptr;
  if (fresh == nullptr) {
    log::error("block page: cannot make a key for certificates: {}", take_openssl_error());
    return template_ != nullptr;  // the old one serves on
  }
  leaves_.clear();
  key_ = std::move(key);
  template_ = std::move(fresh);
  key_made_ = time;
  newest_ = time;
  return true;
}

// By the clock that clients compare with, for a step of it spoils certificates: forward they are over, back
// they are yet to begin.
bool Certificates::is_of_today(WallTime time) const {
  return time - key_made_ < kKeyLifetime && time > newest_ - std::chrono::minutes(kLeafClockSkew) / 2;
}

bool Certificates::is_within_limit(const IpAddress& client, MonoTime time) {
  // An IPv6 host has as many addresses in its /64 as it likes.
  const std::string id(as_text(client.bytes().first(client.is_v4() ? 4 : 8)));
  Pace* pace = paces_.find(id);
  if (pace == nullptr) {
    pace = &paces_.insert(id, Pace{kBurst, time});
  }
  const auto earned = (time - pace->counted) / kOneMoreEvery;
  if (earned > 0) {
    pace->left = static_cast<int>(std::min<int64_t>(kBurst, pace->left + earned));
    pace->counted = pace->left == kBurst ? time : pace->counted + earned * kOneMoreEvery;
  }
  if (pace->left == 0) {
    return false;
  }
  --pace->left;
  return true;
}

X509Ptr Certificates::make(const std::string& host, bool is_address, WallTime time) {
  X509Ptr leaf(X509_dup(template_.get()));
  const WallTime until = std::min(WallTime(time + kLeafLifetime), authority_.expires());
  if (leaf == nullptr || !set_random_serial(leaf.get()) ||
      !set_validity(leaf.get(), time - kLeafClockSkew, until) ||
      !add_subject_alternative_name(leaf.get(), host, is_address) || !authority_.sign(leaf.get())) {
    log::error("block page: cannot make a certificate: {}", take_openssl_error());
    return nullptr;
  }
  newest_ = std::max(newest_, time);
  return leaf;
}

TlsIdentity Certificates::identity(const X509Ptr& leaf) const {
  return {.certificate = leaf.get(), .key = key_.get(), .chain = authority_.chain()};
}

}  // namespace cenote
