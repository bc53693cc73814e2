/** One small picture of the film: where in which sprite it lies, in pixels of that sprite. */
export interface Preview {
  readonly url: string;
  readonly x: number;
  readonly y: number;
}

interface TileDocument {
  readonly start: number;
  readonly end: number;
  readonly sprite: number;
  readonly x: number;
  readonly y: number;
}

interface StoryboardDocument {
  readonly tile_width: number;
  readonly tile_height: number;
  readonly columns: number;
  readonly rows: number;
  readonly sprites: readonly string[];
  readonly tiles: readonly TileDocument[];
}

const DEADLINE_MS = 15_000;

/** The small pictures of a film. Sprites are fetched when one of their pictures is first wanted. */
export class Previews {
  private readonly sprites = new Map<string, Promise<void>>();
  private readonly loaded = new Set<string>();

  private constructor(
    private readonly board: StoryboardDocument,
    private readonly base: string,
  ) {}

  /** Reads a storyboard; null where it cannot be had, for a film plays as well without. */
  static async read(url: string): Promise<Previews | null> {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
      if (!response.ok) return null;
      const board = (await response.json()) as StoryboardDocument;
      return board.tiles.length > 0 ? new Previews(board, url) : null;
    } catch {
      return null;
    }
  }

  /** Width and height of every picture, in pixels. */
  get size(): readonly [number, number] {
    return [this.board.tile_width, this.board.tile_height];
  }

  /** Width and height of every sprite, in pixels. */
  get spriteSize(): readonly [number, number] {
    const { columns, rows, tile_width, tile_height } = this.board;
    return [columns * tile_width, rows * tile_height];
  }

  /** Whether each picture is a file of its own, which then may have another size. */
  get isSingle(): boolean {
    return this.board.columns * this.board.rows === 1;
  }

  /** The picture of a moment; null while its sprite is on the way, after which `arrived` is called. */
  at(seconds: number, arrived: () => void): Preview | null {
    const tile = this.tileAt(seconds);
    const name = this.board.sprites[tile.sprite];
    if (name === undefined) return null;
    const url = new URL(name, this.base).href;
    if (this.loaded.has(url)) return { url, x: tile.x, y: tile.y };
    this.fetch(url).then(arrived, () => undefined);
    return null;
  }

  private tileAt(seconds: number): TileDocument {
    const { tiles } = this.board;
    let low = 0;
    let high = tiles.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((tiles[middle]?.start ?? 0) <= seconds) low = middle;
      else high = middle - 1;
    }
    return tiles[low] as TileDocument;
  }

  private fetch(url: string): Promise<void> {
    const known = this.sprites.get(url);
    if (known !== undefined) return known;
    const image = new Image();
    image.src = url;
    const decoded = image.decode().then(() => {
      this.loaded.add(url);
    });
    this.sprites.set(url, decoded);
    // Asked for again the next time.
    decoded.catch(() => this.sprites.delete(url));
    return decoded;
  }
}
