// Opens ONNX files with Netron's parser:
//
//     node tools/open_netron.mjs NETRON MODEL.onnx...
//
// NETRON is the folder of the package netron. Prints for each file what Netron
// says it is and the number of its nodes, and fails if it cannot read one, or does
// not know the type of a node.
import * as fs from 'fs';
import * as path from 'path';
import * as url from 'url';

const [folder, ...files] = process.argv.slice(2);
const file = (name) => url.pathToFileURL(path.join(folder, name)).href;
const base = await import(file('base.js'));
const view = await import(file('view.js'));

const host = {
    type: 'Test',
    document: { documentElement: { style: {} } },
    environment: () => null,
    event: () => undefined,
    exception: (error) => { throw error; },
    require: (id) => import(file(`${id}.js`)),
    asset: async (name) => fs.readFileSync(path.join(folder, name), 'utf8'),
    request: async (name) => fs.readFileSync(path.join(folder, name), 'utf8')
};

let wrong = 0;
for (const name of files) {
    const context = {
        identifier: path.basename(name),
        stream: new base.BinaryStream(fs.readFileSync(name)),
        entries: new Map(),
        require: host.require,
        asset: host.asset,
        request: host.request,
        error: (error) => { throw error; }
    };
    try {
        const model = await new view.ModelFactoryService(host).open(context);
        const graph = (model.modules || model.graphs)[0];
        const unknown = graph.nodes.filter((node) => !node.type.category
            && !node.type.inputs).map((node) => node.type.name);
        wrong += unknown.length > 0;
        console.log(`${name}: ${model.format}, ${graph.nodes.length} nodes`
            + (unknown.length ? `, unknown: ${unknown.join(', ')}` : ''));
    } catch (error) {
        wrong += 1;
        console.log(`${name}: ${error.stack || error}`);
    }
}
process.exit(wrong > 0 ? 1 : 0);
