import assert from "node:assert/strict";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { dataJson, dataOfJson, type EncodingName } from "../../../net/http/data_json.ts";

const BINARY = new Uint8Array([0xff, 0x00]);

Deno.test("dataJson() keeps to the encoding where the data allows it", () => {
  const cases: { data: string | Uint8Array<ArrayBuffer>; wanted: EncodingName; json: string }[] = [
    { data: "hé", wanted: "auto", json: '{"encoding":"utf8","data":"hé"}' },
    { data: "", wanted: "auto", json: '{"encoding":"utf8","data":""}' },
    { data: "a\tb\r\n", wanted: "auto", json: '{"encoding":"utf8","data":"a\\tb\\r\\n"}' },
    { data: "a\u0000", wanted: "auto", json: '{"encoding":"base64","data":"YQA="}' },
    { data: "a\u0000", wanted: "utf8", json: '{"encoding":"utf8","data":"a\\u0000"}' },
    { data: "\ufeffa", wanted: "auto", json: '{"encoding":"utf8","data":"\ufeffa"}' },
    { data: "hi", wanted: "base64", json: '{"encoding":"base64","data":"aGk="}' },
    { data: BINARY, wanted: "auto", json: '{"encoding":"base64","data":"/wA="}' },
    { data: BINARY, wanted: "utf8", json: '{"encoding":"base64","data":"/wA="}' },
    { data: BINARY, wanted: "json", json: '{"encoding":"base64","data":"/wA="}' },
    { data: '{"a":[1]}', wanted: "json", json: '{"encoding":"json","data":{"a":[1]}}' },
    {
      data: "12345678901234567890",
      wanted: "json",
      json: // digits stay
        '{"encoding":"json","data":12345678901234567890}',
    },
    { data: "no json", wanted: "json", json: '{"encoding":"utf8","data":"no json"}' },
    { data: '{"a":1}', wanted: "auto", json: '{"encoding":"utf8","data":"{\\"a\\":1}"}' },
  ];
  for (const { data, wanted, json } of cases) {
    const bytes = typeof data === "string" ? encodeUtf8(data) : data;
    assert.equal(JSON.stringify(dataJson(bytes, wanted)), json, `${data} as ${wanted}`);
  }
  assert.equal(dataJson(null, "auto"), null);
});

Deno.test("dataOfJson() gives the bytes back, and keeps null apart from empty", () => {
  for (const bytes of [encodeUtf8("hé\n"), BINARY, new Uint8Array()]) {
    for (const wanted of ["auto", "utf8", "base64"] as const) {
      assert.deepEqual(dataOfJson(dataJson(bytes, wanted), "x"), bytes);
    }
  }
  assert.equal(dataOfJson(null, "x"), null);
  assert.deepEqual(dataOfJson("text", "x"), encodeUtf8("text"));
  assert.deepEqual(dataOfJson({ encoding: "json", data: { a: 1 } }, "x"), encodeUtf8('{"a":1}'));
  assert.throws(
    () => dataOfJson({ encoding: "base64", data: "*" }, "ops[3]"),
    /ops\[3\] is not base64/,
  );
});
