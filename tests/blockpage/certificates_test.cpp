#include "blockpage/certificates.h"

#include <set>

#include <catch2/catch.hpp>

#include "tests/blockpage/certificate_checks.h"
#include "tests/support/temporary_folder.h"

namespace cenote::certificates_test {
using std::chrono::hours;

namespace {

const SocketAddress kLocal = *SocketAddress::from_text("192.0.2.1:443");
const SocketAddress kClient = *SocketAddress::from_text("10.0.0.7:50000");

constexpr size_t kCapacity = 200;

Now test_time;  // what the certificates take for now

class Fixture {
 public:
  Fixture() {
    parse_wall_time("2026-11-22T12:00:00Z", test_time.wall);
    test_time.mono = MonoTime(hours(1));
    BlockpageSettings settings;
    settings.state_dir = folder_.path();
    auto opened = Authority::open(settings, test_time.wall);
    REQUIRE(opened);
    certificates = std::make_unique<Certificates>(
        std::move(*opened), [this](const Name& name) { return name.is_at_or_below(blocked); },
        [] { return test_time; }, kCapacity);
  }

  TlsIdentity pick(const std::string& host) { return certificates->pick(host, kLocal, kClient); }
  int verify(const TlsIdentity& identity, const std::string& host, WallTime at = test_time.wall) {
    return verify_as_client(identity.certificate, certificates->authority().certificate(), host, at);
  }
  void wait(milliseconds time) {
    test_time.mono += time;
    test_time.wall += time;
  }

  Name blocked = *Name::from_text("bad.example");
  std::unique_ptr<Certificates> certificates;

 private:
  TemporaryFolder folder_;
};

std::string serial_of(X509* certificate) {
  const ASN1_INTEGER* number = X509_get0_serialNumber(certificate);
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(number)),
          static_cast<size_t>(ASN1_STRING_length(number))};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a client that trusts the CA accepts a blocked host's certificate",
                 "[blockpage][certificates]") {
  const TlsIdentity identity = pick("www.bad.example");
  REQUIRE(identity.certificate != nullptr);
  CHECK(X509_check_private_key(identity.certificate, identity.key) == 1);
  CHECK(verify(identity, "www.bad.example") == X509_V_OK);
}

TEST_CASE_METHOD(Fixture, "a certificate holds for its own host only", "[blockpage][certificates]") {
  const TlsIdentity identity = pick("www.bad.example");
  REQUIRE(identity.certificate != nullptr);
  CHECK(verify(identity, "bad.example") == X509_V_ERR_HOSTNAME_MISMATCH);
  CHECK(verify(identity, "x.www.bad.example") == X509_V_ERR_HOSTNAME_MISMATCH);
  CHECK(verify(identity, "Cenote block page") == X509_V_ERR_HOSTNAME_MISMATCH);
}

TEST_CASE_METHOD(Fixture, "a host that is not blocked gets no certificate", "[blockpage][certificates]") {
  CHECK(pick("www.good.example").certificate == nullptr);
  CHECK(pick("notbad.example").certificate == nullptr);
  CHECK(pick("example").certificate == nullptr);
  CHECK(certificates->refused() == 3);
  CHECK(certificates->made() == 0);
}

TEST_CASE_METHOD(Fixture, "what is no host name gets no certificate", "[blockpage][certificates]") {
  blocked = Name{};  // the root: policy would block everything
  for (const char* host : {"a,DNS:bank.example", "*.bad.example", "a b", "a\\046b", "A.example", "a..b", ".a",
                           "a.", "\xe3\x81\x82.example", "a/b", "a:1", "[::1]"}) {
    CAPTURE(host);
    CHECK(pick(host).certificate == nullptr);
  }
  CHECK(pick(std::string("a\0b.example", 11)).certificate == nullptr);
  CHECK(pick(std::string(300, 'a')).certificate == nullptr);
  CHECK(pick("a_b-c.0.example").certificate != nullptr);
}

TEST_CASE_METHOD(Fixture, "a host that is freed gets no certificate although one is there",
                 "[blockpage][certificates]") {
  REQUIRE(pick("bad.example").certificate != nullptr);
  blocked = *Name::from_text("worse.example");
  CHECK(pick("bad.example").certificate == nullptr);
}

TEST_CASE_METHOD(Fixture, "without a server name the certificate is for the local address",
                 "[blockpage][certificates]") {
  const TlsIdentity four = pick("");
  REQUIRE(four.certificate != nullptr);
  CHECK(verify(four, "192.0.2.1") == X509_V_OK);
  CHECK(verify(four, "192.0.2.2") == X509_V_ERR_IP_ADDRESS_MISMATCH);
  const TlsIdentity six = certificates->pick("", *SocketAddress::from_text("[2001:db8::1]:443"), kClient);
  REQUIRE(six.certificate != nullptr);
  CHECK(verify(six, "2001:db8::1") == X509_V_OK);
}

TEST_CASE_METHOD(Fixture, "a certificate is short-lived and forgives a clock that is behind",
                 "[blockpage][certificates]") {
  const TlsIdentity identity = pick("bad.example");
  REQUIRE(identity.certificate != nullptr);
  const WallTime now = test_time.wall;
  CHECK(verify(identity, "bad.example", now - std::chrono::minutes(59)) == X509_V_OK);
  CHECK(verify(identity, "bad.example", now - std::chrono::minutes(61)) == X509_V_ERR_CERT_NOT_YET_VALID);
  CHECK(verify(identity, "bad.example", now + hours(24)) == X509_V_OK);
  CHECK(verify(identity, "bad.example", now + hours(24 * 30)) == X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST_CASE_METHOD(Fixture, "a certificate may prove a server and nothing else", "[blockpage][certificates]") {
  X509* leaf = pick("bad.example").certificate;
  REQUIRE(leaf != nullptr);
  CHECK(X509_get_key_usage(leaf) == KU_DIGITAL_SIGNATURE);
  CHECK(X509_get_extended_key_usage(leaf) == XKU_SSL_SERVER);
  CHECK(X509_check_ca(leaf) == 0);
  REQUIRE(X509_get0_authority_key_id(leaf) != nullptr);
  CHECK(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf),
                              X509_get0_subject_key_id(certificates->authority().certificate())) == 0);
}

TEST_CASE_METHOD(Fixture, "serial numbers have 128 bits and do not repeat", "[blockpage][certificates]") {
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    X509* leaf = pick("h" + std::to_string(i) + ".bad.example").certificate;
    REQUIRE(leaf != nullptr);
    CHECK(serial_of(leaf).size() == 16);
    CHECK(seen.insert(serial_of(leaf)).second);
  }
}

TEST_CASE_METHOD(Fixture, "the second visit gets the certificate of the first", "[blockpage][certificates]") {
  X509* first = pick("bad.example").certificate;
  CHECK(pick("bad.example").certificate == first);
  CHECK(certificates->made() == 1);
}

TEST_CASE_METHOD(Fixture, "the key of all leaves is made anew every day", "[blockpage][certificates]") {
  const TlsIdentity before = pick("bad.example");
  const std::string serial = serial_of(before.certificate);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> old_key(X509_get_pubkey(before.certificate),
                                                                    &EVP_PKEY_free);
  wait(hours(23));
  CHECK(serial_of(pick("bad.example").certificate) == serial);
  wait(hours(1));
  const TlsIdentity after = pick("bad.example");
  CHECK(serial_of(after.certificate) != serial);
  CHECK(EVP_PKEY_eq(old_key.get(), after.key) != 1);
  CHECK(X509_check_private_key(after.certificate, after.key) == 1);
  CHECK(verify(after, "bad.example") == X509_V_OK);
}

TEST_CASE_METHOD(Fixture,
                 "a step of the clock, forward or back, leaves no host with a certificate of another time",
                 "[blockpage][certificates]") {
  REQUIRE(pick("bad.example").certificate != nullptr);
  const std::array<WallTime::duration, 6> steps{hours(24 * 400), -hours(24 * 399),    hours(24 * 8),
                                                -hours(2),       hours(24 * 365 * 3), -hours(24 * 365)};
  for (const auto step : steps) {
    CAPTURE(step.count());
    test_time.wall += step;  // as a machine without a clock of its own does it after its start
    CHECK(verify(pick("bad.example"), "bad.example") == X509_V_OK);
    CHECK(verify(pick("new.bad.example"), "new.bad.example") == X509_V_OK);
  }
}

TEST_CASE_METHOD(Fixture, "a step back is seen though the key was made long before the last certificate",
                 "[blockpage][certificates]") {
  REQUIRE(pick("bad.example").certificate != nullptr);
  wait(hours(20));
  REQUIRE(pick("late.bad.example").certificate != nullptr);
  test_time.wall -= hours(10);
  CHECK(verify(pick("late.bad.example"), "late.bad.example") == X509_V_OK);
}

TEST_CASE_METHOD(Fixture, "what a time server corrects in passing makes no new key",
                 "[blockpage][certificates]") {
  const std::string serial = serial_of(pick("bad.example").certificate);
  for (const auto step : {seconds(-2), seconds(3), seconds(-90)}) {
    test_time.wall += step;
    CHECK(serial_of(pick("bad.example").certificate) == serial);
  }
}

TEST_CASE_METHOD(Fixture, "one client cannot have certificates made without end",
                 "[blockpage][certificates]") {
  int made = 0;
  for (int i = 0; i < 1000; ++i) {
    made += pick("h" + std::to_string(i) + ".bad.example").certificate != nullptr ? 1 : 0;
  }
  CHECK(made == Certificates::kBurst);
  CHECK(certificates->over_limit() == 1000 - Certificates::kBurst);
  CHECK(pick("h0.bad.example").certificate != nullptr);  // what is there costs nothing

  const SocketAddress other = *SocketAddress::from_text("10.0.0.8:50000");
  CHECK(certificates->pick("new.bad.example", kLocal, other).certificate != nullptr);

  CHECK(pick("late.bad.example").certificate == nullptr);
  wait(Certificates::kOneMoreEvery);
  CHECK(pick("late.bad.example").certificate != nullptr);
  CHECK(pick("later.bad.example").certificate == nullptr);
  wait(hours(12));
  made = 0;
  for (int i = 0; i < 1000; ++i) {
    made += pick("n" + std::to_string(i) + ".bad.example").certificate != nullptr ? 1 : 0;
  }
  CHECK(made == Certificates::kBurst);
}

TEST_CASE_METHOD(Fixture, "addresses of one IPv6 network share their pace", "[blockpage][certificates]") {
  int made = 0;
  for (int i = 1; i <= 100; ++i) {
    const auto client = *SocketAddress::from_text("[2001:db8::" + std::to_string(i) + "]:1");
    made +=
        certificates->pick("h" + std::to_string(i) + ".bad.example", kLocal, client).certificate != nullptr
            ? 1
            : 0;
  }
  CHECK(made == Certificates::kBurst);
}

TEST_CASE_METHOD(Fixture, "the number of certificates that are kept is bounded",
                 "[blockpage][certificates]") {
  for (size_t i = 0; i < 3 * kCapacity; ++i) {
    wait(Certificates::kOneMoreEvery);
    REQUIRE(pick("h" + std::to_string(i) + ".bad.example").certificate != nullptr);
    REQUIRE(certificates->size() <= kCapacity);
  }
  CHECK(certificates->size() == kCapacity);
}

}  // namespace cenote::certificates_test
