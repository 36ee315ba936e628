#include "resolver/net/certificate_file.h"

#include <cstdio>
#include <ctime>

#include <openssl/asn1.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "resolver/base/files.h"
#include "resolver/net/x509_fields.h"

namespace cenote {

std::optional<WallTime> certificate_end(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(
      is_no_file(file) ? nullptr : std::fopen(file.c_str(), "re"), &std::fclose);
  const X509Ptr certificate(opened ? PEM_read_X509(opened.get(), nullptr, nullptr, nullptr) : nullptr);
  take_openssl_error();
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
    return std::nullopt;
  }
  return WallTime(seconds(timegm(&end)));
}

}  // namespace cenote
