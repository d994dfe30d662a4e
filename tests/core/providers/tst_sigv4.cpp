// Signatures against vectors computed independently: Bedrock's own trap (the model id is encoded twice) and the shapes of AWS's suite.
#include <QTest>

#include "base/hash.h"
#include "providers/sigv4.h"

using namespace retort::providers;

namespace {

AwsCredentials exampleKey() { return {"AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), Secret()}; }
constexpr const char* kToken = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";

SigningInput vanilla() {
  SigningInput in{"GET", "/", "", {{"host", "example.amazonaws.com"}, {"x-amz-date", "20150830T123600Z"}}, "", "20150830T123600Z", "us-east-1", "service"};
  return in;
}

SigningInput converse(const std::string& model) {
  SigningInput in{"POST", "/model/" + encodeSegment(model) + "/converse", "", {}, R"({"messages":[{"role":"user","content":[{"text":"hi"}]}]})", "20150830T123600Z", "us-east-1", "bedrock"};
  in.headers = {{"host", "bedrock-runtime.us-east-1.amazonaws.com"}, {"content-type", "application/json"}, {"x-amz-date", in.time}};
  return in;
}

}  // namespace

class TestSigV4 : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void bedrockPathsAreEncodedTwice() {
    auto in = converse("anthropic.claude-3-haiku-20240307-v1:0");
    QVERIFY(in.path.find("-v1%3A0/") != std::string::npos);
    const auto v1 = signV4(exampleKey(), in);
    QVERIFY(v1.canonical.find("-v1%253A0/") != std::string::npos);
    QCOMPARE(retort::sha256Hex(v1.canonical), std::string("70063920c38a0ff3e5f2d03983179e180c93a3c260cbe8f3e4d844bf97c892a0"));
    QCOMPARE(v1.hex, std::string("b2d89376425920647b8197be6560da5f53c4d9cc5ac66b56efafa43ba66c9022"));
    QCOMPARE(v1.signedHeaders, std::string("content-type;host;x-amz-date"));
    in.headers.emplace_back("x-amz-security-token", kToken);
    QCOMPARE(signV4(exampleKey(), in).hex, std::string("175b8c2814136947b9d51f7ddcf69462591823766e6bacc6fea1a753f8ee4c76"));
    const auto v3 = signV4(exampleKey(), converse("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0"));
    QCOMPARE(v3.hex, std::string("3bedf8b04c7b2029b5b19df7ed34a134ecc1f45ae4249bc4659d5c29a260201d"));
  }

  void vanillaIsWhole() {
    const auto s = signV4(exampleKey(), vanilla());
    QCOMPARE(s.hex, std::string("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
    QCOMPARE(s.authorization, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + s.hex);
  }

  void paths_data() {
    QTest::addColumn<QByteArray>("path");
    QTest::addColumn<QByteArray>("normal");
    QTest::addColumn<QByteArray>("raw");
    const QByteArray same = "5fa00fa3";
    QTest::newRow("dots") << QByteArray("/example/..") << same << QByteArray("eca7ead5");
    QTest::newRow("more dots") << QByteArray("/example1/example2/../..") << same << QByteArray("dc33e085");
    QTest::newRow("slashes") << QByteArray("//") << same << QByteArray("c88bcd3d");
    QTest::newRow("slash dot slash") << QByteArray("/./") << same << QByteArray("68714168");
    QTest::newRow("dot segment") << QByteArray("/./example") << QByteArray("ef75d961") << QByteArray("beb03f22");
    QTest::newRow("doubled") << QByteArray("//example//") << QByteArray("9a624bd7") << QByteArray("87cca117");
    QTest::newRow("space") << QByteArray("/example space/") << QByteArray("65248758") << QByteArray("65248758");
    QTest::newRow("unreserved") << QByteArray("/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") << QByteArray("07ef7494") << QByteArray("07ef7494");
    QTest::newRow("utf-8") << QByteArray("/\xE1\x88\xB4") << QByteArray("8318018e") << QByteArray("8318018e");
  }
  void paths() {
    QFETCH(QByteArray, path);
    QFETCH(QByteArray, normal);
    QFETCH(QByteArray, raw);
    auto in = vanilla();
    in.path = path.toStdString();
    QCOMPARE(QByteArray::fromStdString(signV4(exampleKey(), in).hex.substr(0, 8)), normal);
    in.normalisePath = false;
    QCOMPARE(QByteArray::fromStdString(signV4(exampleKey(), in).hex.substr(0, 8)), raw);
  }

  void queries_data() {
    QTest::addColumn<QByteArray>("query");
    QTest::addColumn<QByteArray>("want");
    const QByteArray u = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    QTest::newRow("one") << QByteArray("Param1=value1") << QByteArray("a67d582f");
    QTest::newRow("order") << QByteArray("Param2=value2&Param1=value1") << QByteArray("b97d918c");
    QTest::newRow("encoded") << QByteArray("Param-3=Value3&Param=Value2&%E1%88%B4=Value1") << QByteArray("371d3713");
    QTest::newRow("unreserved") << u + "=" + u << QByteArray("9c3e54bf");
    QTest::newRow("utf-8") << QByteArray("\xE1\x88\xB4=bar") << QByteArray("2cdec8ee");
  }
  void queries() {
    QFETCH(QByteArray, query);
    QFETCH(QByteArray, want);
    auto in = vanilla();
    in.query = query.toStdString();
    QCOMPARE(QByteArray::fromStdString(signV4(exampleKey(), in).hex.substr(0, 8)), want);
  }

  void headersJoinAndFold() {
    const auto with = [](std::vector<std::pair<std::string, std::string>> more) {
      auto in = vanilla();
      in.headers.insert(in.headers.end(), more.begin(), more.end());
      return signV4(exampleKey(), in).hex.substr(0, 8);
    };
    QCOMPARE(with({{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}}), std::string("c9d5ea9f"));
    QCOMPARE(with({{"My-Header1", "value4"}, {"My-Header1", "value1"}, {"My-Header1", "value3"}, {"My-Header1", "value2"}}), std::string("08c7e5a9"));
    QCOMPARE(with({{"My-Header1", "value1\n  value2\n     value3"}}), std::string("cfd34249"));
    QCOMPARE(with({{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}), std::string("acc3ed3a"));
    QCOMPARE(with({{"X-Amz-Security-Token", kToken}}), std::string("07ec1639"));
  }

  void posts() {
    auto in = vanilla();
    in.method = "POST";
    const auto first = [&] { return signV4(exampleKey(), in).hex.substr(0, 8); };
    QCOMPARE(first(), std::string("5da7c1a2"));
    in.query = "Param1=value1";
    QCOMPARE(first(), std::string("28038455"));
    in.query.clear();
    in.headers.emplace_back("My-Header1", "value1");
    QCOMPARE(first(), std::string("c5410059"));
    in.headers.back().second = "VALUE1";
    QCOMPARE(first(), std::string("cdbc9802"));
    in.headers.pop_back();
    in.body = "Param1=value1";
    in.headers.insert(in.headers.end(), {{"content-length", "13"}, {"x-amz-content-sha256", retort::sha256Hex(in.body)}, {"content-type", "application/x-www-form-urlencoded"}});
    QCOMPARE(first(), std::string("d3875051"));
    in.headers.back().second += "; charset=utf-8";
    QCOMPARE(first(), std::string("328d1b9e"));
  }

  void datesHaveNoMarks() { QCOMPARE(amzDate(1'440'938'160'000'000), std::string("20150830T123600Z")); }
};

QTEST_APPLESS_MAIN(TestSigV4)
#include "tst_sigv4.moc"
