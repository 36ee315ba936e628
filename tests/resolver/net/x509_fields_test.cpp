#include "resolver/net/x509_fields.h"

#include <catch2/catch.hpp>

#include "tests/support/test_certificate.h"

namespace cenote::x509_fields_test {

TEST_CASE("a certificate is its first DNS name's, else its first mail address's, else its common name's",
          "[net][tls]") {
  const auto name_in = [](const char* names) {
    return subject_name(test::make_certificate(names).certificate.get());
  };
  CHECK(name_in("email:taro@corp.example,DNS:laptop-7.corp.example,DNS:other.example") ==
        "laptop-7.corp.example");
  CHECK(name_in("IP:192.0.2.1,email:taro@corp.example") == "taro@corp.example");
  CHECK(name_in("IP:192.0.2.1") == "test");
}

}  // namespace cenote::x509_fields_test
