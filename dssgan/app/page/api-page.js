// Shows the OpenAPI description of the app as a page.
const element = (tag, text, attributes = {}) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  return made;
};

const resolve = (schema, all) => (schema?.$ref ? all[schema.$ref.split("/").pop()] : schema);

const typeOf = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).filter((name) => name !== "null").join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties) return `${typeOf(schema.additionalProperties)} by name`;
  return schema.enum?.join(", ") ?? schema.format ?? schema.type ?? "";
};

const table = (of, caption, rows) => {
  const made = element("table");
  made.append(element("caption", caption));
  rows.forEach(([name, type, about]) => {
    const row = element("tr");
    row.append(element("th", name, { scope: "row" }), element("td", type), element("td", about ?? ""));
    made.append(row);
  });
  const scroll = element("div", undefined, { class: "scroll", role: "region", "aria-label": `${of}: ${caption}`, tabindex: "0" });
  scroll.append(made);
  return scroll;
};

const propertiesOf = (schema) => Object.entries(schema.properties ?? {})
  .map(([name, property]) => [name, typeOf(property), property.description]);

const show = ({ paths, components }) => {
  const main = document.querySelector("#routes");
  const schemas = components?.schemas ?? {};
  Object.entries(paths).forEach(([path, methods]) => Object.entries(methods).forEach(([method, route]) => {
    const article = element("article", undefined, { class: "route" });
    article.append(element("h2", `${method.toUpperCase()} ${path}`), element("p", route.description ?? route.summary));
    const parameters = (route.parameters ?? []).filter((one) => one.in === "query")
      .map((one) => [one.name, typeOf(one.schema), one.description ?? one.schema.description]);
    if (parameters.length) article.append(table(`${method} ${path}`, "Query", parameters));
    Object.entries(route.requestBody?.content ?? {}).forEach(([kind, { schema }]) => {
      const found = resolve(schema.anyOf?.[0] ?? schema, schemas);
      if (found.properties) article.append(table(`${method} ${path}`, `Body, ${kind}`, propertiesOf(found)));
    });
    const answer = Object.entries(route.responses).find(([status]) => status.startsWith("2"));
    const type = typeOf(Object.values(answer?.[1].content ?? {})[0]?.schema);
    if (type) article.append(element("p", `Answers with ${type}.`));
    main.append(article);
  }));
  Object.entries(schemas).filter(([name]) => !/Error|^Body/.test(name)).forEach(([name, schema]) => {
    const article = element("article", undefined, { class: "route" });
    article.append(element("h2", name), element("p", (schema.description ?? "").split("\n")[0]), table(name, "Fields", propertiesOf(schema)));
    main.append(article);
  });
};

const answer = await fetch("/openapi.json");
show(await answer.json());
